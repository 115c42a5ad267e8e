"""Small data sets in the layouts of the tools they come from, written or read back by the tools' own libraries.

Needs numpy, Pillow, pycocotools, torchvision, webdataset and pydicom; make_tfrecord.py is apart, because TensorFlow and
PyTorch don't load together. It replaces the folders beside it and expected.json, which holds what the libraries read
(boxes as edges in pixels of the picture).
"""

import contextlib
import csv
import io
import json
import os
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pydicom
import webdataset as wds
from PIL import Image
from pycocotools.coco import COCO
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from torchvision.datasets import OxfordIIITPet, VOCDetection

HERE = Path(__file__).parent
expected = {}


def fresh(name):
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir(parents=True)
    return HERE / name


def picture(path, width, height, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.RandomState(seed).randint(0, 255, (3, 4, 3), np.uint8)
    Image.fromarray(small).resize((width, height)).save(path, **({"quality": 60} if path.suffix == ".jpg" else {}))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# --- COCO: annotations/instances_{train,val}2017.json beside train2017 and val2017 -------------------------------------
root = fresh("coco")
categories = [{"id": 1, "name": "person", "supercategory": "person"}, {"id": 18, "name": "dog", "supercategory": "animal"}]
items = []
number = 1
for side, count in (("train", 3), ("val", 2)):
    images, annotations = [], []
    for i in range(count):
        width, height = 40 + i, 30
        name = f"{number:012d}.jpg"
        picture(root / f"{side}2017" / name, width, height, number)
        images.append({"license": 1, "file_name": name, "height": height, "width": width, "id": number})
        for k in range(i):  # the first has none
            crowd = int(k == 1)
            box = [2.5 + k, 3.25, 10.5, 12.0 + k]
            mask = {"counts": [0, 5, 40 * 30 - 5], "size": [height, width]} if crowd else [[2, 3, 10, 3, 10, 12]]
            annotations.append({"segmentation": mask, "area": 60.5 + k, "iscrowd": crowd, "image_id": number,
                                "bbox": box, "category_id": 18 if k else 1, "id": 100 * number + k})
        number += 1
    info = {"description": "made up", "version": "1.0", "year": 2017}
    document = {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
    write(root / "annotations" / f"instances_{side}2017.json", json.dumps(document))
    write(root / "annotations" / f"captions_{side}2017.json", json.dumps({"images": images, "annotations": []}))
    with contextlib.redirect_stdout(io.StringIO()):
        api = COCO(str(root / "annotations" / f"instances_{side}2017.json"))
    for image in api.loadImgs(api.getImgIds()):
        boxes = []
        for ann in api.loadAnns(api.getAnnIds(imgIds=[image["id"]])):
            x, y, w, h = ann["bbox"]
            box = {"label": api.loadCats([ann["category_id"]])[0]["name"], "xMin": x, "yMin": y, "xMax": x + w, "yMax": y + h}
            boxes.append({**box, **({"crowd": True} if ann["iscrowd"] else {}), "area": ann["area"]})
        items.append({"path": f"{side}2017/{image['file_name']}", "boxes": boxes,
                      "side": "train" if side == "train" else "validation"})
expected["coco"] = items

# --- Pascal VOC: VOCdevkit/VOC2012 as torchvision reads it ----------------------------------------------------------------
root = fresh("voc") / "VOCdevkit" / "VOC2012"
names = {"train": ["2008_000008", "2008_000015"], "val": ["2008_000023"]}
for i, (side, stem) in enumerate((s, n) for s, ns in names.items() for n in ns):
    picture(root / "JPEGImages" / f"{stem}.jpg", 50, 40 + i, i)
    objects = "".join(
        f"""
\t<object>
\t\t<name>{'horse' if k else 'person'}</name>
\t\t<pose>Left</pose>
\t\t<truncated>{k}</truncated>
\t\t<occluded>{1 - k}</occluded>
\t\t<bndbox>
\t\t\t<xmax>{20 + k}</xmax>
\t\t\t<xmin>{1 + k}</xmin>
\t\t\t<ymax>{30 + i}</ymax>
\t\t\t<ymin>{5}</ymin>
\t\t</bndbox>
\t\t<difficult>{int(i == 1)}</difficult>
\t</object>"""
        for k in range(i + 1)
    )
    write(root / "Annotations" / f"{stem}.xml", f"""<annotation>
\t<folder>VOC2012</folder>
\t<filename>{stem}.jpg</filename>
\t<source><database>The VOC2008 Database</database></source>
\t<size>
\t\t<width>50</width>
\t\t<height>{40 + i}</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>{objects}
</annotation>
""")
for side, stems in names.items():
    write(root / "ImageSets" / "Main" / f"{side}.txt", "".join(f"{s}\n" for s in stems))
    write(root / "ImageSets" / "Main" / f"person_{side}.txt", "".join(f"{s}  1\n" for s in stems))
picture(root / "SegmentationClass" / "2008_000008.png", 50, 40, 9)
items = []
for side in names:
    for image, target in VOCDetection(str(HERE / "voc"), year="2012", image_set=side):
        note = target["annotation"]
        boxes = []
        for each in note["object"]:
            # The devkit counts pixels from 1 and the last one in: edges are one less on the left.
            b = {k: int(v) for k, v in each["bndbox"].items()}
            box = {"label": each["name"], "xMin": b["xmin"] - 1, "yMin": b["ymin"] - 1, "xMax": b["xmax"], "yMax": b["ymax"]}
            flags = {k: True for k in ("difficult", "truncated", "occluded") if each[k] == "1"}
            boxes.append({**box, **flags})
        items.append({"path": f"VOCdevkit/VOC2012/JPEGImages/{note['filename']}", "boxes": boxes,
                      "side": "train" if side == "train" else "validation"})
expected["voc"] = items

# --- YOLO: images and labels with data.yaml, as Ultralytics' documentation lays it out -----------------------------------
root = fresh("yolo")
items = []
labels = ["person", "traffic light"]
for i, (side, stem) in enumerate([("train", "a"), ("train", "b"), ("val", "c")]):
    picture(root / "images" / side / f"{stem}.jpg", 64, 48, i)
    lines, boxes = [], []
    for k in range(i):
        cx, cy, w, h = 0.5, 0.25 + 0.25 * k, 0.25, 0.5
        lines.append(f"{k} {cx} {cy} {w} {h}")
        boxes.append({"label": labels[k], "xMin": (cx - w / 2) * 64, "yMin": (cy - h / 2) * 48,
                      "xMax": (cx + w / 2) * 64, "yMax": (cy + h / 2) * 48})
    write(root / "labels" / side / f"{stem}.txt", "\n".join(lines))
    items.append({"path": f"images/{side}/{stem}.jpg", "boxes": boxes, "side": "train" if side == "train" else "validation"})
write(root / "data.yaml", "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: person\n  1: traffic light\n")
expected["yolo"] = items

# --- BDD100K: one list for all (det_20), and one file an image with frames --------------------------------------------------
root = fresh("bdd100k")
items = []
for side, count in (("train", 2), ("val", 1)):
    frames = []
    for i in range(count):
        name = f"{side}-{i}.jpg"
        picture(root / "images" / "100k" / side / name, 64, 36, i)
        attributes = {"weather": "rainy", "scene": "city street", "timeofday": "night"}
        frame = {"name": name, "attributes": attributes, "timestamp": 10000}
        boxes = []
        if i == 0:
            frame["labels"] = [{"id": "0", "attributes": {"occluded": True, "truncated": False, "trafficLightColor": "G"},
                                "category": "traffic light", "box2d": {"x1": 1.5, "y1": 2.0, "x2": 20.25, "y2": 30.0}},
                               {"id": "1", "attributes": {}, "category": "drivable area", "poly2d": [{"vertices": [[1, 2]]}]}]
            boxes = [{"label": "traffic light", "xMin": 1.5, "yMin": 2.0, "xMax": 20.25, "yMax": 30.0, "occluded": True}]
        frames.append(frame)
        items.append({"path": f"images/100k/{side}/{name}", "boxes": boxes, "attributes": attributes,
                      "side": "train" if side == "train" else "validation"})
    write(root / "labels" / "det_20" / f"det_{side}.json", json.dumps(frames))
expected["bdd100k"] = items
root = fresh("bdd100k-frames")
items = []
for side in ("train", "val"):
    picture(root / "images" / "100k" / side / f"{side}-0.jpg", 64, 36, 1)
    objects = [{"category": "person", "id": 0, "attributes": {"occluded": False, "truncated": True},
                "box2d": {"x1": 3, "y1": 4, "x2": 13.5, "y2": 24}}, {"category": "lane/road curb", "id": 1, "poly2d": [[1, 2, "L"]]}]
    attributes = {"weather": "clear", "scene": "highway", "timeofday": "daytime"}
    document = {"name": f"{side}-0", "attributes": attributes, "frames": [{"timestamp": 10000, "objects": objects}]}
    write(root / "labels" / "100k" / side / f"{side}-0.json", json.dumps(document))
    items.append({"path": f"images/100k/{side}/{side}-0.jpg", "attributes": attributes,
                  "boxes": [{"label": "person", "xMin": 3, "yMin": 4, "xMax": 13.5, "yMax": 24, "truncated": True}],
                  "side": "train" if side == "train" else "validation"})
expected["bdd100k-frames"] = items

# --- Open Images: boxes, image-level labels, names and hierarchy --------------------------------------------------------------
root = fresh("open-images")
write(root / "class-descriptions-boxable.csv", "/m/01g317,Person\n/m/0199g,Bicycle\n/m/0k4j,Car\n")
header = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
hierarchy = {"LabelName": "/m/0bl9f", "Subcategory": [{"LabelName": "/m/01g317"}, {"LabelName": "/m/0k4j"}]}
write(root / "bbox_labels_600_hierarchy.json", json.dumps(hierarchy))
items = []
for side in ("train", "validation"):
    picture(root / side / f"{side}0.jpg", 80, 60, 1)
    picture(root / side / f"{side}1.jpg", 80, 60, 2)
    rows = [f"{side}0,xclick,/m/01g317,1,0.25,0.5,0.125,0.75,1,0,0,0,0\n", f"{side}0,xclick,/m/0199g,1,0,1,0,0.5,0,1,1,0,0\n"]
    write(root / f"{side}-annotations-bbox.csv", header + "".join(rows))
    write(root / f"{side}-annotations-human-imagelabels-boxable.csv", "ImageID,Source,LabelName,Confidence\n"
          f"{side}0,verification,/m/01g317,1\n{side}0,verification,/m/0k4j,0\n{side}1,verification,/m/0k4j,1\n")
    boxes = [{"label": "Person", "xMin": 20, "yMin": 7.5, "xMax": 40, "yMax": 45, "occluded": True},
             {"label": "Bicycle", "xMin": 0, "yMin": 0, "xMax": 80, "yMax": 30, "groupOf": True, "truncated": True}]
    items.append({"path": f"{side}/{side}0.jpg", "boxes": boxes, "labels": ["Person"], "negatives": ["Car"], "side": side})
    items.append({"path": f"{side}/{side}1.jpg", "boxes": [], "labels": ["Car"], "side": side})
expected["open-images"] = items

# --- Oxford-IIIT Pets as torchvision reads it -----------------------------------------------------------------------------------
root = fresh("pets") / "oxford-iiit-pet"
rows = [("Abyssinian_1", 1, 1, 1), ("Abyssinian_2", 1, 1, 1), ("american_bulldog_10", 2, 2, 1)]
for i, (name, *_) in enumerate(rows):
    picture(root / "images" / f"{name}.jpg", 45, 35, i)
    picture(root / "annotations" / "trimaps" / f"{name}.png", 45, 35, i)
line = lambda row: " ".join(map(str, row)) + "\n"
write(root / "annotations" / "list.txt", "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n" + "".join(map(line, rows)))
write(root / "annotations" / "trainval.txt", "".join(map(line, (rows[0], rows[2]))))
write(root / "annotations" / "test.txt", line(rows[1]))
write(root / "annotations" / "xmls" / "Abyssinian_1.xml", "<annotation><folder>OXIIIT</folder><filename>Abyssinian_1.jpg</filename>"
      "<size><width>45</width><height>35</height><depth>3</depth></size><object><name>cat</name><pose>Frontal</pose>"
      "<truncated>0</truncated><occluded>0</occluded><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>25</xmax><ymax>30</ymax></bndbox>"
      "<difficult>0</difficult></object></annotation>")
items = []
for split, side in (("trainval", "train"), ("test", "test")):
    data = OxfordIIITPet(str(HERE / "pets"), split=split)
    for path, target in zip(data._images, data._labels):
        label = {0: "Abyssinian", 1: "american_bulldog"}[target]
        items.append({"path": str(path.relative_to(HERE / "pets")), "label": label, "side": side})
expected["pets"] = sorted(items, key=lambda item: item["path"])

# --- WebDataset: tar shards whose files share a key ----------------------------------------------------------------------------
root = fresh("webdataset")
for shard in range(2):
    with wds.TarWriter(str(root / f"digits-{shard:06d}.tar"), mtime=0) as sink:
        for i in range(2):
            stream = io.BytesIO()
            Image.fromarray(np.full((8, 8, 3), 40 * i + 9, np.uint8)).save(stream, "PNG")
            sink.write({"__key__": f"sample{shard}{i}", "png": stream.getvalue(), "cls": i, "json": {"note": "made up"}})
items = []
for shard in range(2):
    path = root / f"digits-{shard:06d}.tar"
    for sample in wds.WebDataset(str(path), shardshuffle=False):
        items.append({"path": f"{path.name}/{sample['__key__']}.png", "label": sample["cls"].decode()})
expected["webdataset"] = items

# --- DICOM and 16-bit PNG ----------------------------------------------------------------------------------------------------------
root = fresh("dicom")
items = []


def dicom(path, pixels, syntax, **tags):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    meta.TransferSyntaxUID = syntax
    path.parent.mkdir(parents=True, exist_ok=True)
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, tags.pop("photometric", "MONOCHROME2")
    data.BitsAllocated, data.BitsStored = pixels.itemsize * 8, tags.pop("stored", pixels.itemsize * 8)
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(np.issubdtype(pixels.dtype, np.signedinteger))
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    data.save_as(str(path), enforce_file_format=True)


def shown(path):
    """What a viewer shows: modality, then VOI window, by pydicom; MONOCHROME1 turned over."""
    data = pydicom.dcmread(path)
    stored = pydicom.pixels.apply_modality_lut(data.pixel_array, data)
    seen = pydicom.pixels.apply_voi_lut(stored.astype(np.float64), data)
    low, high = (seen.min(), seen.max()) if "WindowWidth" not in data else pydicom_range(data)
    scaled = (seen - low) / max(high - low, 1e-9) * 255
    return np.rint(255 - scaled if data.PhotometricInterpretation == "MONOCHROME1" else scaled).astype(int)


def pydicom_range(data):
    """apply_voi_lut ends at the range of the stored bits, taken through the modality's slope and intercept."""
    slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
    bits = data.BitsStored
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if data.PixelRepresentation else (0, 2**bits - 1)
    return low * slope + intercept, high * slope + intercept


ramp = np.linspace(0, 4095, 6 * 8).reshape(6, 8)
dicom(root / "ct" / "a.dcm", ramp.astype(np.int16) - 1024, ExplicitVRLittleEndian,
      RescaleSlope="1", RescaleIntercept="-10", WindowCenter="40", WindowWidth="400")
dicom(root / "ct" / "b.dcm", ramp.astype(np.uint16), ImplicitVRLittleEndian, stored=12)
dicom(root / "xray" / "c.dcm", (ramp / 16).astype(np.uint8), ExplicitVRLittleEndian, photometric="MONOCHROME1")
dicom(root / "xray" / "d", ramp.astype(np.uint16), ExplicitVRLittleEndian, stored=12, WindowCenter=["2000", "1"], WindowWidth=["1000", "2"])
for name in ("ct/a.dcm", "ct/b.dcm", "xray/c.dcm", "xray/d"):
    items.append({"path": name, "pixels": shown(root / name).flatten().tolist()})
expected["dicom"] = items
root = fresh("png16")
for name, offset in (("low/a.png", 0), ("high/b.png", 30000)):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((ramp + offset).astype(np.uint16)).save(root / name)

(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
