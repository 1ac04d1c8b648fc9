# Speaks QMP, the JSON protocol of a guest's QEMU, which sh can not. It does the one thing that it is told, and takes no
# longer than SECONDS for it in all. Paths and names come as arguments and go out as JSON: nothing is spliced.
#
#   run DOMID SECONDS COMMAND…                  QMP commands, one after the other
#   job DOMID SECONDS ID                        prints `STATUS DONE TOTAL ERROR`; 1: there is no such job
#   on DOMID SECONDS STORED VDEV DEVICE…        QEMU has these devices open for these disks, and libxl's file names them
#   views SECONDS DOMID…                        prints a line of JSON a guest: its disks, block nodes and jobs
#   complete DOMID SECONDS ID                   ends the copy of a job that is in sync; the disk is at rest from there on
#   drop DOMID SECONDS ID NODE                  ends a job, whatever it does, and closes the node that it writes to
#   settle DOMID SECONDS ID NODE NOTES          ends a job whose commit was begun: its disk is on NODE then; where QEMU says
#                                               that it is not, both configs name its image again, and why is printed
#   stayed NOTES                                the same of a guest that is gone: its config names the images of what was seen to stay
#   holds DOMID SECONDS FILE                    prints `yes` or `no`: QEMU has FILE open
#   restore STORED VDEV NEW OLD BACKEND FORMAT… libxl's file of a guest names the old disks again
#   pivot DOMID SECONDS DRAFT CONFIG STORED MARK NOTES BEFORE VDEV DEVICE ID OLD BACKEND FORMAT EDITS …
#                                               BEFORE: the config as it was; EDITS: [[START, END, TEXT], …] of it, for that disk
#                                               alone; NOTES: where all of that is kept for `settle`
#
# What writes libxl's file waits for libxl's lock around it, and refuses where it does not get it in time.
#
# Ends with 0; with 1, and why on standard error; or with 3 where no QEMU serves that guest.
import contextlib
import fcntl
import itertools
import json
import os
import re
import signal
import socket
import stat
import sys
import time

ROOT = os.environ.get("CONVERGE_ROOT", "")
LARGEST_ANSWER = 16 * 1024 * 1024
# for how long one conversation is waited for once the commit was begun, and for how long in all QEMU is asked what became of a disk
ANSWERS = 10
SETTLES = 60
# for how long xl is waited for, which has the lock around what libxl has stored; and where the guest waits for its disks meanwhile
LOCKS = 60
LOCKS_AT_REST = 10


class Refused(Exception):
    pass


class Silent(Refused):
    """It did not answer: what it has done all the same, or is yet to do, is not known."""


class Locked(Refused):
    pass


class Absent(Exception):
    pass


class Monitor:
    """One conversation with a guest's QEMU, which talks to one client a socket at a time: each is kept short."""

    def __init__(self, domid, seconds):
        self.domid = int(domid)
        self.socket = None
        self.again(seconds)

    def again(self, seconds):
        """A new one: what comes late in the old one answers other questions."""
        self.broken = True
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        self.deadline = time.monotonic() + float(seconds)
        self.received = b""
        self.socket = self.connect(self.domid)
        self.line()
        self.broken = False
        self.ask("qmp_capabilities")

    def connect(self, domid):
        # libxl has a socket of its own, for what xl does; the other one is for looking on
        for name in ("qmp-libxenstat-", "qmp-libxl-"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self.left())
            try:
                connection.connect(ROOT + "/var/run/xen/" + name + str(domid))
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
            except (socket.timeout, BlockingIOError):
                # those before it are not even taken
                connection.close()
                raise Silent("QEMU does not take a connection")
        raise Absent("no QEMU answers for domain " + str(domid))

    def left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Silent("QEMU did not answer in time")
        return left

    def line(self):
        while b"\n" not in self.received:
            self.socket.settimeout(self.left())
            try:
                more = self.socket.recv(65536)
            except socket.timeout:
                raise Silent("QEMU did not answer in time")
            except ConnectionResetError:
                more = b""
            if more == b"":
                raise Absent("QEMU went away")
            self.received += more
            if len(self.received) > LARGEST_ANSWER:
                raise Refused("QEMU does not stop talking")
        line, self.received = self.received.split(b"\n", 1)
        return json.loads(line)

    def ask(self, name, **arguments):
        return self.run(command_of(name, **arguments))

    def run(self, command):
        return granted(self.run_all([command]))[0]

    def run_all(self, commands):
        """
        Says all of them at once, for where the guest waits. QEMU does one after the other, those after one that it refuses as
        well: that is a Refused among what it answers. Where it does not answer in time nothing more is said in this conversation.
        """
        if self.broken:
            raise Silent("QEMU did not answer in time")
        self.broken = True
        self.socket.settimeout(self.left())
        try:
            self.socket.sendall(b"".join(json.dumps(command).encode() + b"\n" for command in commands))
        except socket.timeout:
            raise Silent("QEMU did not answer in time")
        except (BrokenPipeError, ConnectionResetError):
            raise Absent("QEMU went away")
        answers = [self.answer(command["execute"]) for command in commands]
        self.broken = False
        return answers

    def answer(self, name):
        while True:
            answer = self.line()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                return Refused(name + ": " + str(answer["error"].get("desc", "refused")))
            # anything else is an event: jobs are looked at instead

    def job(self, name):
        return job_in(self.ask("query-jobs"), name)

    def nodes(self):
        return self.ask("query-named-block-nodes", flat=True)

    def disks(self):
        """The node that each disk of the guest reads and writes, by its virtual device; a mirror counts as its source."""
        found = {}
        for device in self.ask("query-block"):
            inserted = device.get("inserted")
            if inserted is None or not device.get("qdev"):
                continue
            # where it is refused that is no disk of Xen's: an emulated one
            [vdev] = self.run_all([command_of("qom-get", path=device["qdev"], property="vdev")])
            found[vdev_of(device["qdev"] if isinstance(vdev, Refused) else vdev)] = inserted
        return found


def granted(answers):
    for answer in answers:
        if isinstance(answer, Refused):
            raise answer
    return answers


def command_of(name, **arguments):
    return {"execute": name, "arguments": arguments} if arguments else {"execute": name}


def job_in(jobs, name):
    return next((job for job in jobs if job["id"] == name), None)


def vdev_of(name):
    """As configs and xenstore have it: QEMU names a whole disk by the number of its partition as well (xvda0)."""
    whole = re.fullmatch("([a-z]+)0", name)
    return whole.group(1) if whole else name


def device_of(name):
    """
    The number of a virtual device (xen-vbd-interface(7)), by which xvda1, 51713 and d0p1 are one: who rewrites a config while its
    guest runs has QEMU and libxl know the disk by another name. What is no such name stays what it is.
    """
    number = "(0x[0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)"
    named = re.fullmatch("(xvd|hd|sd)([a-z]{1,4})([0-9]{0,3})", name)
    numbered = re.fullmatch("d" + number + "p" + number, name)
    if named:
        bus, disk, part = named.group(1), 0, int(named.group(3) or 0)
        for letter in named.group(2):
            disk = disk * 26 + ord(letter) - ord("a") + 1
        disk -= 1
        if bus == "hd":
            return ((3 if disk < 2 else 22) << 8) | ((disk & 1) << 6) | part if disk < 4 and part < 64 else name
        if bus == "sd":
            return (8 << 8) | (disk << 4) | part if disk < 16 and part < 16 else name
    elif numbered:
        disk, part = c_number(numbered.group(1)), c_number(numbered.group(2))
    else:
        return c_number(name) if re.fullmatch(number, name) else name
    return (202 << 8) | (disk << 4) | part if disk < 16 and part < 16 else (1 << 28) | (disk << 8) | part


def c_number(digits):
    """As C's strtoul reads it: a leading zero makes it octal."""
    return int(digits, 8) if re.fullmatch("0[0-7]+", digits) else int(digits, 0)


def by_device(disks, vdev):
    """The one of these, by whichever name, that the disk is; None where there is none."""
    return next((disk for name, disk in disks.items() if name is not None and device_of(name) == device_of(vdev)), None)


def path_of(node):
    """The file or device below a node; QEMU tells a plain name, or JSON where a name does not say it all."""
    name = node.get("file") or node.get("image", {}).get("filename", "")
    if name.startswith("json:"):
        options = json.loads(name[5:])
        while isinstance(options, dict) and "filename" not in options:
            options = options.get("file")
        name = options["filename"] if isinstance(options, dict) else ""
    return name


def same_file(one, other):
    try:
        a, b = os.stat(one), os.stat(other)
    except OSError:
        return one == other
    if stat.S_ISBLK(a.st_mode) and stat.S_ISBLK(b.st_mode):
        return a.st_rdev == b.st_rdev
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)


def view(domid, seconds):
    try:
        monitor = Monitor(domid, seconds)
        served = monitor.disks()
        disks = [
            {"vdev": vdev, "node": node["node-name"], "path": path_of(node), "driver": node["drv"],
             "bytes": node["image"]["virtual-size"]}
            for vdev, node in served.items()
        ]
        nodes = [
            {"node": node["node-name"], "path": path_of(node), "driver": node["drv"], "bytes": node["image"]["virtual-size"]}
            for node in monitor.nodes()
        ]
        jobs = [{"job": job["id"], "status": job["status"]} for job in monitor.ask("query-jobs")]
        return {"domid": int(domid), "disks": disks, "nodes": nodes, "jobs": jobs}
    except (Refused, Absent, OSError, ValueError, KeyError) as error:
        return {"domid": int(domid), "error": str(error)}


def refuse_ended(name, job):
    if job is None:
        raise Refused("the job " + name + " is gone")
    if job["status"] == "concluded":
        raise Refused("the job " + name + " ended: " + job.get("error", "without an error"))


def await_status(monitor, names, wanted, jobs=None):
    """The jobs of these names, once each has one of these statuses; `jobs`: what was heard of them just now."""
    while True:
        heard, jobs = jobs if jobs is not None else monitor.ask("query-jobs"), None
        found = [job_in(heard, name) for name in names]
        for name, job in zip(names, found):
            if job is None or "concluded" not in wanted:
                refuse_ended(name, job)
        if all(job["status"] in wanted for job in found):
            return found
        time.sleep(min(0.005, monitor.left()))


def end_job(monitor, name):
    job = monitor.job(name)
    if job is None:
        return
    if job["status"] != "concluded":
        monitor.ask("job-cancel", id=name)
        while monitor.job(name)["status"] != "concluded":
            time.sleep(min(0.005, monitor.left()))
    monitor.ask("job-dismiss", id=name)


MOVED, STAYED, GONE = "moved", "stayed", "gone"


def asked_again(monitor, seconds, ask):
    """What `ask` finds out. A QEMU that does not answer is asked again, in another conversation, for `seconds` in all."""
    until = time.monotonic() + float(seconds)
    monitor.deadline = min(until, time.monotonic() + ANSWERS)
    while True:
        try:
            if monitor.broken:
                monitor.again(min(ANSWERS, until - time.monotonic()))
            return ask()
        except (Refused, OSError, ValueError, KeyError):
            # what it has not said yet may come at any moment
            monitor.broken = True
            if time.monotonic() + 0.1 >= until:
                raise
            time.sleep(0.1)


def outcome(monitor, seconds, name, vdev, node, seen=None):
    """
    Ends a job that is at its end already, and says what became of its disk, and why: which of the two the guest's next start
    may use depends on what QEMU has done, answer or no answer. `seen`: the job, where it was looked at just now.
    """
    def ended():
        nonlocal seen
        job, seen = seen or monitor.job(name), None
        if job is None:
            return found_on(monitor, vdev, node)
        if job["status"] != "concluded":
            _, jobs = granted(monitor.run_all([command_of("job-finalize", id=name), command_of("query-jobs")]))
            [job] = await_status(monitor, [name], ("concluded",), jobs)
        return (STAYED, "the job " + name + " ended: " + job["error"]) if "error" in job else (MOVED, "")

    return asked_again(monitor, seconds, ended)


def dismiss(monitor, seconds, name):
    """Has QEMU forget a job of which everything is known. It is over whether or not it stays in QEMU's list."""
    def dismissed():
        if monitor.job(name) is not None:
            monitor.ask("job-dismiss", id=name)

    try:
        asked_again(monitor, seconds, dismissed)
    except (Refused, Absent, OSError, ValueError, KeyError) as error:
        print("the job " + name + " is over, and QEMU keeps it in its list: " + str(error), file=sys.stderr)


def reached(domid, until):
    """A conversation with a QEMU that may be silent for a while."""
    while True:
        try:
            return Monitor(domid, max(0.1, min(ANSWERS, until - time.monotonic())))
        except Silent:
            if time.monotonic() + 0.1 >= until:
                raise
            time.sleep(0.1)


def found_on(monitor, vdev, node):
    """Without the job. Its node stays open until the disk was seen to: where it is not, all of that is over."""
    if not any(found["node-name"] == node for found in monitor.nodes()):
        return GONE, ""
    disk = by_device(monitor.disks(), vdev)
    if disk is None:
        raise Refused("QEMU serves no disk " + vdev)
    return (MOVED, "") if disk["node-name"] == node else (STAYED, "its job ended without it")


def drop(monitor, name, node):
    end_job(monitor, name)
    close(monitor, node)


def close(monitor, node):
    if any(found["node-name"] == node for found in monitor.nodes()):
        if any(disk["node-name"] == node for disk in monitor.disks().values()):
            # the guest is on it: nothing to take away
            return
        monitor.ask("blockdev-del", **{"node-name": node})


def keep(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def draw_up(path, text, mode, lasting=True):
    """Writes what a file is to say beside it: a rename puts it there."""
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        if lasting:
            os.fsync(file.fileno())


def write_whole(path, text, mode, lasting=True):
    draw_up(path, text, mode, lasting)
    os.rename(path + ".new", path)
    if lasting:
        keep(os.path.dirname(path))


@contextlib.contextmanager
def locked(path, seconds):
    """
    libxl's own lock around what it has stored of a guest (libxl__lock_domain_userdata), one for each guest: who unlocks it
    removes the file, so that what was locked may be another one than is there by then. QEMU does not know of it.
    """
    lock = path.replace("userdata-d.", "userdata-l.", 1).replace(".libxl-json", ".domain-userdata-lock")
    until = time.monotonic() + seconds
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(lock)):
                break
        os.close(descriptor)
        if time.monotonic() >= until:
            raise Locked("some xl command has had " + lock + " locked for " + str(seconds) + " s")
        time.sleep(0.01)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)
        os.close(descriptor)


def load_stored(path):
    with open(path, "rb") as file:
        text = file.read()
    # libxl ends the text with a NUL
    return json.loads(text.rstrip(b"\0"))


def edited(path, wanted):
    """What libxl has stored, with these devices for these disks; and whether it has them already."""
    config = load_stored(path)
    disks = {disk.get("vdev"): disk for disk in config.get("disks", [])}
    named = True
    for vdev, device, backend, form in wanted:
        disk = by_device(disks, vdev)
        if disk is None:
            raise Refused("libxl has stored no disk " + vdev)
        old = dict(disk)
        disk.update({"pdev_path": device, "backend": backend, "format": form})
        named = named and disk == old
    return json.dumps(config, indent=4).encode() + b"\n\0", named


def write_stored(path, text):
    # of a guest that runs: it means nothing after a reboot of Dom0, and needs not outlive one
    write_whole(path, text, 0o600, lasting=False)


def store(path, wanted, seconds):
    """
    Names other devices in the configuration that libxl holds of a running guest: what its own reboot comes up with, and
    what is saved with it. xl has no command for that: config-update leaves alone what a saved guest is restored from.
    """
    named = edited(path, wanted)[1]
    try:
        with locked(path, 0 if named else seconds):
            write_stored(path, edited(path, wanted)[0])
    except Locked:
        # nobody is waited for where there is nothing to do. One that was killed with the lock has left its file.
        if not named:
            raise


def complete(monitor, jobs):
    """
    They have copied all, and hold back what the guest writes: image and volume are equal from there on. A job that is pending
    does so already.
    """
    names = [job["id"] for job in jobs]
    ready = [command_of("job-complete", id=job["id"]) for job in jobs if job["status"] == "ready"]
    answers = monitor.run_all([*ready, command_of("query-jobs")])
    heard = answers[-1]
    if not isinstance(heard, Refused):
        for name in names:
            # a job that has failed says why; of QEMU it is only heard that such a job can not be completed
            refuse_ended(name, job_in(heard, name))
    granted(answers)
    return await_status(monitor, names, ("pending",), heard)


def text_of(notes, stayed):
    """The config with the disks of these jobs on their images, and the others on their volumes."""
    with open(notes["before"], "rb") as file:
        old = file.read()
    edits = sorted(edit for disk in notes["disks"] if disk["job"] not in stayed for edit in disk["edits"])
    parts, at = [], 0
    for start, end, text in edits:
        parts += [old[at:start], os.fsencode(text)]
        at = end
    return b"".join(parts) + old[at:]


def names_images(notes):
    """
    The config names the images of the disks that stay there. An earlier try may have written down that one stays, and have come
    no further: the config is whatever some of them make of it then.
    """
    config, stayed = notes["config"], notes["stayed"]
    text = text_of(notes, stayed)
    with open(config, "rb") as file:
        found = file.read()
    if found == text:
        return False
    if not any(found == text_of(notes, some) for count in range(len(stayed)) for some in itertools.combinations(stayed, count)):
        raise Refused(config + " was changed by somebody else meanwhile")
    kept = os.stat(config)
    descriptor = os.open(notes["draft"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchown(descriptor, kept.st_uid, kept.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(kept.st_mode))
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(notes["draft"], config)
    keep(os.path.dirname(config))
    return True


def names_again(path, notes, job, seconds):
    """
    Both configs name the image of this job's disk: it is on it still, and nothing that is written there gets to its volume. Where
    one of them can not be written the other one is all the same: either may be what starts the guest next.
    """
    notes["stayed"] = sorted(set(notes["stayed"]) | {job})
    disks = [(disk["vdev"], disk["old"], disk["backend"], disk["format"]) for disk in notes["disks"] if disk["job"] == job]
    troubles = []
    for put in (
            # lastingly: once QEMU is gone nobody else knows
            lambda: write_whole(path, json.dumps(notes).encode(), 0o600),
            lambda: names_images(notes),
            lambda: store(notes["stored"], disks, seconds)):
        try:
            put()
        except (Refused, OSError, ValueError, KeyError) as error:
            troubles.append(error)
    if troubles:
        raise troubles[0]


def stayed(path):
    """Of a guest that is gone, and its QEMU with it: whatever starts it goes by its config."""
    try:
        with open(path, "rb") as file:
            notes = json.loads(file.read())
    except ValueError:
        # torn by a power cut: what stays is kept lastingly, so that nothing does
        return
    # where none has, the config is whoever's by now
    if notes["stayed"] and names_images(notes):
        print("the config names again the images of the disks that had stayed there: "
              + ", ".join(disk["vdev"] for disk in notes["disks"] if disk["job"] in notes["stayed"]))


def settle(domid, seconds, job, node, path):
    with open(path, "rb") as file:
        notes = json.loads(file.read())
    disk = next(disk for disk in notes["disks"] if disk["job"] == job)
    until = time.monotonic() + float(seconds)
    monitor = reached(domid, until)
    end, why = outcome(monitor, until - time.monotonic(), job, disk["vdev"], node)
    dismiss(monitor, max(0, until - time.monotonic()), job)
    if end == STAYED:
        names_again(path, notes, job, LOCKS)
        # last: as long as it is open it says that this is to be done
        asked_again(monitor, max(0, until - time.monotonic()), lambda: close(monitor, node))
        print(disk["vdev"] + " stays on its image, which both configs name again: " + why)


def commit_to(config, mark):
    """
    Both configs name the volumes. Lastingly so, and only then the commit is begun, lastingly too. On one file system what was
    renamed first is kept no later than what was renamed after it, so that the second folder is kept with the first one,
    and the guest waits for the disk once.
    """
    folders = [os.path.dirname(config), os.path.dirname(mark)]
    if os.stat(folders[0]).st_dev != os.stat(folders[1]).st_dev:
        keep(folders[0])
    os.rename(mark + ".new", mark)
    for folder in folders:
        keep(folder)


def note_on_image(mark, job):
    """For whoever takes the configs back, also when the guest is gone by then: its image has what its volume has not."""
    try:
        write_whole(os.path.join(os.path.dirname(mark), "on-image"), job.encode() + b"\n", 0o600)
    except OSError:
        pass


def unchanged(config, stored, before):
    """Somebody may have changed the guest's config while xl was waited for, or have had xl store another one."""
    if os.path.exists(stored[:-len(".libxl-json")] + ".xl"):
        raise Refused("somebody stored another config with xl config-update: the guest's own reboot would use that one")
    with open(config, "rb") as now, open(before, "rb") as then:
        if now.read() != then.read():
            raise Refused(config + " was changed by somebody else meanwhile")


def pivot(domid, seconds, draft, config, stored, mark, path, before, *moves):
    keys = ("vdev", "device", "job", "old", "backend", "format", "edits")
    disks = [dict(zip(keys, moves[at:at + len(keys)])) for at in range(0, len(moves), len(keys))]
    for disk in disks:
        disk["edits"] = json.loads(disk["edits"])
    notes = {"draft": draft, "config": config, "stored": stored, "before": before, "disks": disks, "stayed": []}
    # QEMU first, and then the lock: that is libxl's own order
    monitor = Monitor(domid, seconds)
    at_rest = any(job["status"] == "pending" for job in monitor.ask("query-jobs"))
    with locked(stored, LOCKS_AT_REST if at_rest else LOCKS):
        monitor.deadline = time.monotonic() + float(seconds)
        found = monitor.ask("query-jobs")
        jobs = [job_in(found, disk["job"]) for disk in disks]
        for disk, job in zip(disks, jobs):
            if job is None or job["status"] not in ("ready", "pending"):
                raise Refused("the job " + disk["job"] + " is not in sync")
        unchanged(config, stored, before)
        # what the guest would wait for is done beforehand, as far as it can be
        write_whole(path, json.dumps(notes).encode(), 0o600, lasting=False)
        draw_up(mark, ("%.2f\n" % time.time()).encode(), 0o600)
        text, _ = edited(stored, [(disk["vdev"], disk["device"], "phy", "raw") for disk in disks])
        began = time.monotonic()
        jobs = complete(monitor, jobs)
        os.rename(draft, config)
        write_stored(stored, text)
        commit_to(config, mark)
    left = []
    for number, (disk, job) in enumerate(zip(disks, jobs)):
        # job and node have one name. Without an answer the mark stays: it may be on its volume, or get there yet
        end, why = outcome(monitor, SETTLES, disk["job"], disk["vdev"], disk["job"], job)
        if end == MOVED:
            continue
        if number == 0:
            # and the others hold back what is written to them
            note_on_image(mark, disk["job"])
            os.unlink(mark)
            keep(os.path.dirname(mark))
            raise Refused(why or "the node of the job " + disk["job"] + " is gone")
        # the disks after it are at rest still
        names_again(path, notes, disk["job"], LOCKS_AT_REST)
        left.append(disk["vdev"] + ": " + why)
    print("%d" % round((time.monotonic() - began) * 1000))
    # each is on its disk, and only a guest that is paused waits for the rest
    until = time.monotonic() + 3 * ANSWERS
    for disk in disks:
        dismiss(monitor, max(0, until - time.monotonic()), disk["job"])
    if left:
        raise Refused("some disks stay on their images, which both configs name again for them: " + "; ".join(left))


def is_on(domid, seconds, stored, *wanted):
    monitor = Monitor(domid, seconds)
    served = monitor.disks()
    stored_disks = {disk.get("vdev"): disk for disk in load_stored(stored).get("disks", [])}
    for vdev, device in zip(wanted[0::2], wanted[1::2]):
        node = by_device(served, vdev)
        if node is None:
            raise Refused("QEMU serves no disk " + vdev)
        if not same_file(path_of(node), device):
            raise Refused("QEMU has " + path_of(node) + " open for " + vdev + ", not " + device)
        named = (by_device(stored_disks, vdev) or {}).get("pdev_path")
        if named != device:
            raise Refused("libxl has " + str(named) + " stored for " + vdev + ", not " + device)


def main(what, *rest):
    if what == "views":
        for domid in rest[1:]:
            print(json.dumps(view(domid, rest[0])))
    elif what == "restore":
        store(rest[0], list(zip(rest[1::5], rest[3::5], rest[4::5], rest[5::5])), LOCKS)
    elif what == "pivot":
        signal.alarm(int(rest[1]) + LOCKS + (SETTLES + LOCKS_AT_REST) * (len(rest) // 7) + 60)
        pivot(*rest)
    elif what == "settle":
        settle(*rest)
    elif what == "stayed":
        stayed(rest[0])
    elif what == "on":
        is_on(*rest)
    else:
        monitor = Monitor(rest[0], rest[1])
        if what == "run":
            for command in rest[2:]:
                monitor.run(json.loads(command))
        elif what == "job":
            job = monitor.job(rest[2])
            if job is None:
                raise Refused("there is no job " + rest[2])
            done, total = job.get("current-progress", 0), job.get("total-progress", 0)
            print(job["status"], done, total, job.get("error", "").replace("\n", " "))
        elif what == "complete":
            complete(monitor, await_status(monitor, [rest[2]], ("ready", "pending")))
        elif what == "drop":
            drop(monitor, rest[2], rest[3])
        elif what == "holds":
            print("yes" if any(same_file(path_of(node), rest[2]) for node in monitor.nodes()) else "no")
        else:
            raise Refused("what is " + what + "?")


# whatever hangs
signal.alarm(180)
try:
    main(*sys.argv[1:])
except Absent as error:
    print(error, file=sys.stderr)
    sys.exit(3)
except (Refused, OSError, ValueError, KeyError) as error:
    print(error or type(error).__name__, file=sys.stderr)
    sys.exit(1)
