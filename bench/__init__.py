"""Speed of backups, as ratios measured in one run. `python -m bench.run`; README.md explains.

run         the command: prepares data, alternates the runners, prints and writes the result
ours        a fresh process that runs one command of ours and tells its phases
limits      a fresh process that does only the unavoidable steps, with the libraries themselves
peers       other tools on the same rows
loaddata    one of them: Django, settings and model in one file
stopwatch   runs a child, waits for a quiet machine, and tells time, CPU and memory
report      ratios and targets: table, JSON, plot
"""
