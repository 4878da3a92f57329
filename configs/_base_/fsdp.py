"""Fully sharded training: parameters, gradients and AdamW's moments are spread over the GPUs, activations recomputed.

For models that one GPU cannot train (huge: 660 million parameters, 10.6 GB with gradients and moments in float32,
before any activation). Write it as one more base of a config:

    _base_ = ["./fcmae_convnextv2-huge_64xb64-1600e_in1k.py", "../_base_/fsdp.py"]
    model = dict(backbone=dict(with_cp=False))  # activations are recomputed below
    custom_hooks = []  # where the recipe averages weights: EMAHook copies the model, which FSDP does not allow

and start it by tools/dist_train.sh or tools/slurm_train.sh. Layer-wise learning rates work as they do without.

Values: [ours] throughout; the paper trained on TPUs.
"""

runner_type = "FlexibleRunner"
strategy = dict(
    type="cnxv2_mm.FSDPStrategy",
    model_wrapper=dict(
        type="MMFullyShardedDataParallel",
        auto_wrap_policy="cnxv2_mm.convnext_blocks",  # a block is gathered when it is its turn
        use_orig_params=True,  # layer decay and the no-decay rule go by the parameters' own names
    ),
    activation_checkpointing=dict(check_fn="cnxv2_mm.convnext_blocks"),
    # Checkpoints are those of a single GPU: they load in any detector and resume on any number, with FSDP or without.
    state_dict_cfg="full",
)
