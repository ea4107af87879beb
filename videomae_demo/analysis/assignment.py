"""Who belongs to whom: the one-to-one assignment with the largest sum."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def best_assignment(gains: ArrayLike) -> NDArray[np.int64]:
    """Give each row a column of its own, so that the sum of their gains is as large as can be.

    The Hungarian method with shortest augmenting paths: Kuhn (1955); Jonker and Volgenant (1987).
    Takes up to n^2 steps over arrays of n.

    Parameters
    ----------
    gains : (n, n) float
        Finite; what it is worth that a row gets a column.

    Returns
    -------
    (n,) int64
        The column of each row.
    """
    costs = -np.asarray(gains, dtype=np.float64)
    count = len(costs)
    row_price, column_price = np.zeros(count), np.zeros(count)
    column_of = np.full(count, -1, np.int64)
    row_of = np.full(count, -1, np.int64)
    for row in range(count):
        column, came_from = _grow(row, costs, row_price, column_price, column_of, row_of)
        while True:  # hand the columns on along the path, back to the new row
            at = came_from[column]
            row_of[column] = at
            column, column_of[at] = int(column_of[at]), column
            if at == row:
                break
    return column_of


def _grow(
    row: int,
    costs: NDArray[np.float64],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
    column_of: NDArray[np.int64],
    row_of: NDArray[np.int64],
) -> tuple[int, NDArray[np.int64]]:
    """Find the cheapest path from a row to a free column, and bring the prices up to date.

    Returns
    -------
    int
        The free column.
    (n,) int64
        For each column that was reached, the row from which.
    """
    shortest = np.full(len(costs), np.inf)
    came_from = np.full(len(costs), -1, np.int64)
    done = np.zeros(len(costs), bool)
    passed: list[int] = []
    at, length = row, 0.0
    while True:
        through = length + costs[at] - row_price[at] - column_price
        is_shorter = ~done & (through < shortest)
        shortest[is_shorter] = through[is_shorter]
        came_from[is_shorter] = at
        column = int(np.where(done, np.inf, shortest).argmin())
        length = float(shortest[column])
        done[column] = True
        if row_of[column] < 0:
            break
        at = int(row_of[column])
        passed.append(at)
    row_price[row] += length
    row_price[passed] += length - shortest[column_of[passed]]
    column_price[done] -= length - shortest[done]
    return column, came_from
