"""Section 3: FCMAE of ConvNeXt V1 Base without sparse convolution.

    torchrun --nnodes 8 --nproc_per_node 8 \
        tools/train.py configs/ablations/fcmae_convnext-v1-base-masked-input_64xb64-800e_in1k.py --launcher pytorch
    run=work_dirs/fcmae_convnext-v1-base-masked-input_64xb64-800e_in1k
    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/imagenet/convnext-v1-base_32xb32-100e-fcmae_in1k.py \
        --launcher pytorch --amp --work-dir $run/finetuned \
        --cfg-options model.backbone.init_cfg.checkpoint=$run/epoch_800.pth

GPUs: 64 x 64 images = 4096 [P8], then 32 x 32 images = 1024.
Expected: after fine-tuning 79.3 % top-1 (paper, section 3; not run here); with it 83.7 %.
[ours]: hidden pixels are zero and everything is computed; the paper says no more than the row's name.
The other tags are those of fcmae_convnext-v1-base_64xb64-800e_in1k.py.
"""

_base_ = "../fcmae/fcmae_convnext-v1-base_64xb64-800e_in1k.py"

model = dict(layout="masked_input")  # [P] section 3
