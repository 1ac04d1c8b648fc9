#!/usr/bin/python3
"""Records which hosts the real ansible means by each pattern of patterns.yml, into recorded-patterns.json."""
import atexit
import json
import os
import shutil
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
folder = tempfile.mkdtemp(prefix="record-")
atexit.register(shutil.rmtree, folder)
open(os.path.join(folder, "ansible.cfg"), "w").close()
os.environ["ANSIBLE_CONFIG"] = os.path.join(folder, "ansible.cfg")
import yaml  # noqa: E402
from ansible.inventory.manager import InventoryManager  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402

with open(os.path.join(here, "patterns.yml"), encoding="utf-8") as text:
    corpus = yaml.safe_load(text)
os.chdir(folder)
for path, content in corpus["files"].items():
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
result = {}
for pattern in corpus["patterns"]:
    inventory = InventoryManager(loader=DataLoader(), sources=["hosts"])
    try:
        result[pattern] = [host.name for host in inventory.get_hosts(pattern)]
    except Exception as error:
        result[pattern] = None
for limit in corpus["limits"]:
    inventory = InventoryManager(loader=DataLoader(), sources=["hosts"])
    inventory.subset(limit)
    result["-l " + limit] = [host.name for host in inventory.get_hosts("all")]
with open(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "recorded-patterns.json"), "w", encoding="utf-8") as out:
    json.dump(result, out, indent=1, ensure_ascii=False)
    out.write("\n")
