# Sourced by dist_train.sh and dist_test.sh: one process per GPU, on one machine or several, by PyTorch's torchrun.
# shellcheck shell=bash

TOOLS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}"

# launch GPUS SCRIPT ARGUMENTS...
launch() {
    local gpus=$1 nodes=${NNODES:-1}
    shift
    local where=(--nnodes="$nodes" --nproc_per_node="$gpus")
    if [[ $nodes == 1 && -z ${PORT:-} ]]; then
        where+=(--standalone) # torchrun finds a free port, so that two jobs on one machine do not meet
    elif [[ $nodes != 1 && -z ${MASTER_ADDR:-} ]]; then
        echo "NNODES=$nodes needs MASTER_ADDR, the address of the machine with NODE_RANK=0." >&2
        exit 2
    else
        where+=(--node_rank="${NODE_RANK:-0}" --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}")
    fi
    # Without this, torchrun sets one thread and says so in a warning.
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
    exec "${PYTHON:-python}" -m torch.distributed.run "${where[@]}" "$@" --launcher pytorch
}
