"""One COCO file with the faults of users' files: what is left out is counted, what is fatal is said at once."""

from pathlib import Path

import pytest

from cnxv2_mm.recipes.data.coco_part import check_form, count_masks, drop_masks, keep_masks, make_part
from tests.recipes.data.coco_folder import SIDE, content

DATA, FILE = Path("/data"), Path("labels.json")


def part_of(told, sizes=None, paths=None):
    """The part, as if all its images were there, but for those in ``sizes`` and ``paths``."""
    names = [image["file_name"] for image in told["images"]]
    found = [(paths or {}).get(name, DATA / name) for name in names]
    return make_part(DATA, FILE, told, found, {DATA / n: (sizes or {}).get(n, (SIDE, SIDE)) for n in names})


def texts(part, fatal=False):
    return [finding.text for finding in part.findings if finding.fatal == fatal]


def test_a_sound_file():
    told = content(20, 0, masks=True)
    assert check_form(FILE, told) == []
    part = part_of(told)
    assert part.findings == []
    assert (part.images, part.annotations, part.categories) == (told["images"], told["annotations"], told["categories"])
    keep_masks(part)
    assert part.findings == []
    assert count_masks([part]) == (40, 40)
    drop_masks(part)
    assert count_masks([part]) == (0, 40)


@pytest.mark.parametrize(
    ("list_", "key"),
    [
        ("images", "id"),
        ("images", "file_name"),
        ("annotations", "bbox"),
        ("annotations", "image_id"),
        ("categories", "name"),
    ],
)
def test_absent_keys(list_, key):
    told = content(4, 0, masks=False)
    del told[list_][1][key]
    (finding,) = check_form(FILE, told)
    assert finding.fatal
    assert f"1 of {len(told[list_])} {list_} have no {key!r}" in finding.text


def test_names_and_ids_that_are_there_twice():
    told = content(4, 0, masks=False)
    told["categories"] += [{"id": 5, "name": "roof"}, {"id": 4, "name": "leaf"}]
    told["images"][1]["id"] = told["images"][0]["id"]
    found = check_form(FILE, told)
    assert all(finding.fatal for finding in found)
    assert [finding.text.split(" in ")[0] for finding in found] == [
        "1 names of categories occur more than once",
        "1 image ids occur more than once",
        "1 category ids occur more than once",
    ]
    assert "has no image" in check_form(FILE, {"images": [], "annotations": [], "categories": []})[0].text


def test_images_that_cannot_be_used_are_left_out_up_to_a_tenth():
    told = content(30, 0, masks=False)
    told["images"][2] |= {"width": 2 * SIDE}
    part = part_of(told, {"000.jpg": "cannot be read"}, {"001.jpg": "does not exist"})
    assert part.left_out == {
        "000.jpg": "cannot be read",
        "001.jpg": "does not exist",
        "002.jpg": f"is {SIDE} x {SIDE} pixels, its labels are for {2 * SIDE} x {SIDE}",
    }
    assert texts(part, fatal=True) == []
    assert texts(part)[0].startswith("3 of 30 images of labels.json are left out: 000.jpg cannot be read, ")
    assert len(part.images) == 27
    assert {annotation["image_id"] for annotation in part.annotations} == {image["id"] for image in part.images}
    (text,) = texts(part_of(told, {"000.jpg": "is empty", "003.jpg": "is empty"}, {"001.jpg": "absent"}), fatal=True)
    assert text.endswith("More than 10% must not be.")


def test_a_photograph_that_was_turned_after_it_was_labelled():
    told = content(11, 0, masks=False)
    told["images"][0] |= {"width": 40, "height": 60}
    (reason,) = part_of(told, {"000.jpg": (60, 40)}).left_out.values()
    assert reason.endswith("so that one of them is turned")


def test_sizes_that_the_file_does_not_say_are_those_of_the_images():
    told = content(4, 0, masks=False)
    del told["images"][0]["width"], told["images"][0]["height"]
    part = part_of(told, {"000.jpg": (80, 70)})
    assert (part.images[0]["width"], part.images[0]["height"]) == (80, 70)
    assert part.findings == []


def test_boxes_that_are_left_out():
    told = content(5, 0, masks=False)
    told["annotations"][0]["bbox"] = [70, 0, 5, 5]
    told["annotations"][1]["bbox"] = [1, 1, 0, 4]
    told["annotations"][2]["bbox"] = [1, 1, 90, 30]
    part = part_of(told)
    outside, empty, beyond = texts(part)
    assert "1 of 10 boxes" in outside
    assert "outside" in outside
    assert "without area" in empty
    assert "pixels beyond their image" in beyond
    assert len(part.annotations) == 8


def test_boxes_that_are_none():
    told = content(5, 0, masks=False)
    told["annotations"][3]["bbox"] = [1, 2, None, 4]
    del told["annotations"][3]["area"]
    assert "first annotation id 4" in texts(part_of(told), fatal=True)[0]


def test_annotations_that_belong_nowhere():
    told = content(5, 0, masks=False)
    told["annotations"][0]["image_id"] = 99
    told["annotations"][1]["category_id"] = 99
    part = part_of(told)
    image, category = texts(part)
    assert "1 annotations of labels.json belong to no image" in image
    assert "1 of 10 annotations of labels.json have a category that it does not list (id 99)" in category
    assert len(part.annotations) == 8
    for annotation in told["annotations"]:
        annotation["category_id"] = 99
    assert "10 of 10" in texts(part_of(told), fatal=True)[0]


def test_what_mmdet_needs_is_added():
    told = content(3, 0, masks=False)
    del told["annotations"][0]["area"], told["annotations"][0]["iscrowd"]
    _, _, w, h = told["annotations"][0]["bbox"]
    part = part_of(told)
    assert (part.annotations[0]["area"], part.annotations[0]["iscrowd"]) == (w * h, 0)
    assert part.findings == []


@pytest.mark.parametrize("number", [0, 2])
def test_ids_of_annotations(number):
    """pycocotools counts an object with id 0 as not found, and mmdet stops at an id that occurs twice."""
    told = content(3, 0, masks=False)
    told["annotations"][0]["id"] = number
    part = part_of(told)
    assert [annotation["id"] for annotation in part.annotations] == [1, 2, 3, 4, 5, 6]
    assert "are numbered anew" in texts(part)[0]


def test_the_same_image_twice():
    told = content(5, 0, masks=False)
    told["images"][1]["file_name"] = told["images"][0]["file_name"]
    assert texts(part_of(told)) == ["1 images occur more than once in labels.json: 000.jpg."]


def test_masks_that_cannot_be_read():
    told = content(5, 0, masks=True)
    whole = told["annotations"][1]["segmentation"]
    told["annotations"][0]["segmentation"] = [[1, 2, 3, 4]]
    told["annotations"][1]["segmentation"] = [*whole, [1, 2]]
    part = part_of(told)
    keep_masks(part)
    assert part.annotations[0]["iscrowd"] == 1
    assert part.annotations[1]["segmentation"] == whole
    broken, shortened = texts(part)
    assert "1 of 10 masks of labels.json cannot be read" in broken
    assert "1 of 10 masks of labels.json have parts that are no polygons" in shortened
    for annotation in told["annotations"]:
        annotation["segmentation"] = [[1, 2, 3, 4]]
    part = part_of(told)
    keep_masks(part)
    assert "10 of 10 masks" in texts(part, fatal=True)[0]
