"""The page Data set: many labelled clips of this machine, judged, sorted, and opened one by one."""
