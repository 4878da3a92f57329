#!/usr/bin/env bash
# Train on several GPUs.
#
#   bash tools/dist_train.sh CONFIG GPUS [options of tools/train.py]
#
# On several machines, on each of them, GPUS being the number on this one:
#
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=10.0.0.1 PORT=29500 bash tools/dist_train.sh CONFIG GPUS
#
# PYTHON names the interpreter (default: python). On a machine without GPUs, GPUS is a number of CPU processes.
set -euo pipefail
if [[ $# -lt 2 ]]; then
    echo "usage: bash tools/dist_train.sh CONFIG GPUS [options of tools/train.py]" >&2
    exit 2
fi
source "$(dirname "$0")/dist_common.sh"
config=$1 gpus=$2
shift 2
launch "$gpus" "$TOOLS/train.py" "$config" "$@"
