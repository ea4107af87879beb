// Who asks: the same visitor for as long as the tab is open, so that a page that is loaded again
// finds its own training.

const REMEMBERED = "videomae-train-visitor";
const VISITOR = sessionStorage.getItem(REMEMBERED) || newVisitor();
sessionStorage.setItem(REMEMBERED, VISITOR);
