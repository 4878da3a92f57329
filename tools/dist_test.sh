#!/usr/bin/env bash
# Test on several GPUs.
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]
#
# Several machines and the interpreter: see dist_train.sh.
set -euo pipefail
if [[ $# -lt 3 ]]; then
    echo "usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]" >&2
    exit 2
fi
source "$(dirname "$0")/dist_common.sh"
config=$1 checkpoint=$2 gpus=$3
shift 3
launch "$gpus" "$TOOLS/test.py" "$config" "$checkpoint" "$@"
