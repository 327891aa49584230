#!/bin/sh
# Does what the witness does; where the file `hold` names this step and direction, tells the pipe `running` and waits
# for a line from the pipe `go` before it ends.
here="${0%/*}"
"$here/witness"
if [ "$(cat "$here/hold" 2>/dev/null)" = "$RUNBOOK_DIRECTION $RUNBOOK_STEP" ]; then
  rm "$here/hold"
  echo $$ >"$here/running"
  read -r _ <"$here/go"
fi
