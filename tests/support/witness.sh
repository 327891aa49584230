#!/bin/sh
# The effect of a step in tests: one line with one write, made durable before the step ends.
log="${0%/*}/witness.log"
echo "$RUNBOOK_DIRECTION $RUNBOOK_STEP $RUNBOOK_ATTEMPT" >>"$log"
sync "$log"
