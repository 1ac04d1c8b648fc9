#!/usr/bin/python3
"""
Records what the real ansible-inventory says of every case in cases/ (Debian's package ansible-core, with PyYAML).

  record.py [FOLDER]   writes FOLDER/CASE.json for each case; without one, into recorded/ beside this file
  record.py --serve    reads cases as JSON, one a line, and answers each with a line: what `--list` and
                       `--graph --vars` print, and which hosts its `patterns` and `limits` mean

A case is a YAML file: `files` by path, `executable` among them, `inventory` (each -i), `options`, and `hosts` to ask
for with --host. Each question is asked in a process of its own, forked after ansible is loaded: that is what takes
long.
"""
import atexit
import json
import os
import re
import shutil
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
home = os.environ.get("RECORDING") or tempfile.mkdtemp(prefix="record-home-")
for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
    del os.environ[name]
open(os.path.join(home, "ansible.cfg"), "w").close()
os.environ.update({
    "HOME": home, "ANSIBLE_CONFIG": os.path.join(home, "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0", "ANSIBLE_LOCALHOST_WARNING": "0", "COLUMNS": "200",
})
if sys.argv[0] != "" and os.environ.get("RECORDING") is None:
    # the hash seed and the config are read when Python and ansible start
    os.environ["RECORDING"] = home
    os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
atexit.register(shutil.rmtree, home)

import yaml  # noqa: E402
import ansible.release  # noqa: E402
from ansible.cli.inventory import InventoryCLI  # noqa: E402
import ansible.vars.manager  # noqa: E402,F401
import ansible.plugins.inventory.yaml  # noqa: E402,F401


def ask(folder, words):
    """The exit code, standard output and standard error of one question."""
    out, err = os.path.join(home, "out"), os.path.join(home, "err")
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout = os.fdopen(1, "w", buffering=1)
        sys.stderr = os.fdopen(2, "w", buffering=1)
        code = 70
        try:
            InventoryCLI.cli_executor(["ansible-inventory", *words])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    with open(out, encoding="utf-8") as file:
        stdout = file.read()
    with open(err, encoding="utf-8") as file:
        stderr = file.read()
    return os.waitstatus_to_exitcode(status), stdout, stderr


def lay_out(case):
    folder = tempfile.mkdtemp(prefix="record-")
    for path, text in case["files"].items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="", errors="surrogatepass") as file:
            file.write(text)
        if path in case.get("executable", []):
            os.chmod(full, 0o755)
    return folder


def record(case):
    folder = lay_out(case)
    try:
        return answers(folder, case)
    finally:
        shutil.rmtree(folder)


def answers(folder, case):
    sources = [word for source in case["inventory"] for word in ("-i", source)]
    words = [*sources, *case.get("options", [])]
    result = {}
    for name, more in (("list", ["--list"]), ("export", ["--list", "--export"])):
        code, stdout, stderr = ask(folder, [*words, *more])
        if code != 0:
            result[name] = {"failed": code}
            if os.environ.get("SHOW"):
                print(stderr)
        else:
            result[name] = json.loads(stdout)
        if name == "list" and re.search("Unable to\\s+parse", stderr):
            result["unparsed"] = True
        if name == "list" and os.environ.get("SHOW"):
            print(stderr)
    for name, more in (("graph", ["--graph"]), ("graphVars", ["--graph", "--vars"])):
        code, stdout, _ = ask(folder, [*words, *more])
        result[name] = stdout if code == 0 else {"failed": code}
    for host in case.get("hosts", []):
        code, stdout, _ = ask(folder, [*words, "--host", host])
        result.setdefault("host", {})[host] = json.loads(stdout) if code == 0 else {"failed": code}
    return result


def match(folder, case, report):
    """Which hosts patterns mean, as `ansible PATTERN --list-hosts` finds them; null where it ends with an error."""
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    os.chdir(folder)
    answers = {}
    for prefix, patterns in (("", case.get("patterns", [])), ("-l ", case.get("limits", []))):
        for pattern in patterns:
            try:
                inventory = InventoryManager(loader=DataLoader(), sources=case["inventory"])
                if prefix:
                    inventory.subset(pattern)
                answers[prefix + pattern] = [host.name for host in inventory.get_hosts("all" if prefix else pattern)]
            except Exception:
                answers[prefix + pattern] = None
    with open(report, "w", encoding="utf-8") as out:
        json.dump(answers, out)


def serve():
    """Ansible is loaded once, and asked about many small inventories."""
    for line in sys.stdin:
        case = json.loads(line)
        folder = lay_out(case)
        words = [*(word for source in case["inventory"] for word in ("-i", source)), *case.get("options", [])]
        code, stdout, stderr = ask(folder, [*words, "--list"])
        answer = {"list": stdout if code == 0 else None, "unparsed": bool(re.search("Unable to\\s+parse", stderr)), "said": stderr}
        if code == 0:
            code, stdout, _ = ask(folder, [*words, "--graph", "--vars"])
            answer["graphVars"] = stdout if code == 0 else None
        if case.get("patterns") or case.get("limits"):
            report = os.path.join(home, "patterns")
            child = os.fork()
            if child == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                match(folder, case, report)
                os._exit(0)
            os.waitpid(child, 0)
            with open(report, encoding="utf-8") as text:
                answer["patterns"] = json.load(text)
        shutil.rmtree(folder)
        print(json.dumps(answer), flush=True)


def main():
    if sys.argv[1:] == ["--serve"]:
        serve()
        return
    target = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "recorded")
    only = sys.argv[2:]
    os.makedirs(target, exist_ok=True)
    print(f"ansible-core {ansible.release.__version__}, PyYAML {yaml.__version__}, Python {sys.version.split()[0]}")
    for file in sorted(os.listdir(os.path.join(here, "cases"))):
        name = file.removesuffix(".yml")
        if only and name not in only:
            continue
        with open(os.path.join(here, "cases", file), encoding="utf-8") as text:
            case = yaml.safe_load(text)
        with open(os.path.join(target, name + ".json"), "w", encoding="utf-8") as out:
            json.dump(record(case), out, indent=1, sort_keys=True, ensure_ascii=False)
            out.write("\n")


main()
