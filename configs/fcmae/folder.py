"""FCMAE pre-training on one's own folder of images, without labels, on one GPU.

    python tools/train.py configs/fcmae/folder.py \
        --cfg-options train_dataloader.dataset.data_root=my_images model.backbone.arch=tiny

GPUs: 1 x 64 images. Expected: nothing is published for it; not run at full length.
Downstream configs load its last checkpoint, work_dirs/folder/epoch_800.pth: of that file the encoder.
train_cfg.max_epochs may be changed by itself: warm-up and cosine follow. What counts is the number of images seen: 1600
epochs of ImageNet-1K are 2 billion.
[P8] table 8 of arXiv 2301.00808; [ours] our choice; the other tags are those of base's file.
"""

_base_ = "./fcmae_convnextv2-base_64xb64-800e_in1k.py"

# All that Pillow and tifffile read (cnxv2_mm.images.formats).
extensions = """
.apng .avif .avifs .avs .bif .blp .bmp .btf .bw .cur .dcx .dds .dib .eer .fit .fits .flc .fli .ftc .ftu .gbr .gel .gif
.icb .icns .ico .iim .im .j2c .j2k .jfif .jp2 .jpc .jpe .jpeg .jpf .jpg .jpx .lsm .mpo .msp .ndpi .ome.tif .pbm .pcd
.pcoraw .pcx .pfm .pgm .png .pnm .ppm .psd .ptif .ptiff .pxr .qoi .qpi .qptiff .ras .rgb .rgba .scn .seq .sgi .stk
.svs .tf2 .tf8 .tga .tif .tiff .vda .vst .webp .xbm .xpm .zif
""".split()  # noqa: SIM905  a list would have a line for each
model = dict(backbone=dict(arch="tiny"))
train_dataloader = dict(
    num_workers=2,
    drop_last=False,
    sampler=dict(type="cnxv2_mm.HeldOutSampler"),  # holds 256 images out, of a small folder one in ten
    dataset=dict(
        _delete_=True,
        type="CustomDataset",  # every image below data_root, in folders of any depth
        data_root="data/images",
        extensions=extensions,
        with_label=False,  # True, if the folders below data_root are classes: the log then has k-NN accuracy
        pipeline=_base_.train_pipeline,
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1.5e-4 * 64 / 256))  # [P8]'s rule for what one GPU holds
auto_scale_lr = dict(base_batch_size=64)

# [ours]: what the held-out images say; docs/pretrain.md shows how to read it. Cost: below 1 % of the training.
custom_hooks = [
    dict(type="cnxv2_mm.FeatureProbeHook", interval=1000, num_images=256),  # held-out loss, rank, collapse
    dict(type="cnxv2_mm.ReconstructionSheetHook", interval=2000, num_images=8),  # a picture of what is painted
    dict(type="cnxv2_mm.ThroughputHook"),  # images per second
]
