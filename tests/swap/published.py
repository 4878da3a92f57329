"""Configs of the libraries, one of each way to read a backbone."""

CONFIGS = [
    "mmdet::retinanet/retinanet_r50_fpn_1x_coco.py",
    "mmdet::faster_rcnn/faster-rcnn_r50-caffe-dc5_1x_coco.py",
    "mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py",
    "mmdet::yolo/yolov3_mobilenetv2_8xb24-ms-416-300e_coco.py",
    "mmdet::mask2former/mask2former_swin-t-p4-w7-224_8xb2-lsj-50e_coco.py",
    "mmdet::gn+ws/faster-rcnn_r50_fpn_gn-ws-all_1x_coco.py",  # a folder that mmengine does not inherit from by name
    "mmdet::soft_teacher/soft-teacher_faster-rcnn_r50-caffe_fpn_180k_semi-0.1-coco.py",
    "mmdet::centernet/centernet_r18-dcnv2_8xb16-crop512-140e_coco.py",
    "mmdet::deepsort/deepsort_faster-rcnn_r50_fpn_8xb2-4e_mot17halftrain_test-mot17halfval.py",
    "mmseg::pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py",
    "mmseg::deeplabv3plus/deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024.py",
    "mmseg::knet/knet-s3_r50-d8_upernet_8xb2-adamw-80k_ade20k-512x512.py",
    "mmseg::ocrnet/ocrnet_r101-d8_4xb2-40k_cityscapes-512x1024.py",
    "mmpretrain::resnet/resnet18_8xb32_in1k.py",
]


def without_scopes(value):
    """A config without the marks that mmengine puts on what is inherited from a library."""
    if isinstance(value, dict):
        return {key: without_scopes(item) for key, item in value.items() if key != "_scope_"}
    if isinstance(value, list | tuple):
        return type(value)(map(without_scopes, value))
    return value
