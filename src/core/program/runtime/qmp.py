# Speaks QMP, the JSON protocol of a guest's QEMU, which sh can not. It does the one thing that it is told, and takes no
# longer than SECONDS for it in all. Paths and names come as arguments and go out as JSON: nothing is spliced.
#
#   run DOMID SECONDS COMMAND…                  QMP commands, one after the other
#   job DOMID SECONDS ID                        prints `STATUS DONE TOTAL ERROR`; 1: there is no such job
#   on DOMID SECONDS STORED VDEV DEVICE…        QEMU has these devices open for these disks, and libxl's file names them
#   views SECONDS DOMID…                        prints a line of JSON a guest: its disks, block nodes and jobs
#   complete DOMID SECONDS ID                   ends the copy of a job that is in sync; the disk is at rest from there on
#   drop DOMID SECONDS ID NODE                  ends a job, whatever it does, and closes the node that it writes to
#   finalize DOMID SECONDS ID                   ends a job that waits for it, with the guest on the job's target
#   holds DOMID SECONDS FILE                    prints `yes` or `no`: QEMU has FILE open
#   restore STORED VDEV NEW OLD BACKEND FORMAT… libxl's file of a guest names the old disks again
#   pivot DOMID SECONDS DRAFT CONFIG STORED MARK VDEV DEVICE ID …
#
# Ends with 0; with 1, and why on standard error; or with 3 where no QEMU serves that guest.
import fcntl
import json
import os
import signal
import socket
import stat
import sys
import time

ROOT = os.environ.get("CONVERGE_ROOT", "")
LARGEST_ANSWER = 16 * 1024 * 1024


class Refused(Exception):
    pass


class Absent(Exception):
    pass


class Monitor:
    """One conversation with a guest's QEMU, which talks to one client a socket at a time: each is kept short."""

    def __init__(self, domid, seconds):
        self.deadline = time.monotonic() + float(seconds)
        self.received = b""
        self.socket = self.connect(int(domid))
        self.line()
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
            except socket.timeout:
                raise Refused("QEMU does not take a connection")
        raise Absent("no QEMU answers for domain " + str(domid))

    def left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Refused("QEMU did not answer in time")
        return left

    def line(self):
        while b"\n" not in self.received:
            self.socket.settimeout(self.left())
            try:
                more = self.socket.recv(65536)
            except socket.timeout:
                raise Refused("QEMU did not answer in time")
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
        return self.run({"execute": name, "arguments": arguments} if arguments else {"execute": name})

    def run(self, command):
        self.socket.settimeout(self.left())
        try:
            self.socket.sendall(json.dumps(command).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            raise Absent("QEMU went away")
        while True:
            answer = self.line()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Refused(command["execute"] + ": " + str(answer["error"].get("desc", "refused")))
            # anything else is an event: jobs are looked at instead

    def job(self, name):
        return next((job for job in self.ask("query-jobs") if job["id"] == name), None)

    def nodes(self):
        return self.ask("query-named-block-nodes", flat=True)

    def disks(self):
        """The node that each disk of the guest reads and writes, by its virtual device; a mirror counts as its source."""
        found = {}
        for device in self.ask("query-block"):
            inserted = device.get("inserted")
            if inserted is None or not device.get("qdev"):
                continue
            try:
                vdev = self.ask("qom-get", path=device["qdev"], property="vdev")
            except Refused:
                # no disk of Xen's: an emulated one
                vdev = device["qdev"]
            found[vdev] = inserted
        return found


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


def await_status(monitor, name, wanted):
    while True:
        job = monitor.job(name)
        if job is None:
            raise Refused("the job " + name + " is gone")
        if job["status"] in wanted:
            return job
        if job["status"] == "concluded":
            raise Refused("the job " + name + " ended: " + job.get("error", "without an error"))
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


def finalize(monitor, name):
    job = monitor.job(name)
    if job is None:
        return
    if job["status"] != "concluded":
        monitor.ask("job-finalize", id=name)
        job = await_status(monitor, name, ("concluded",))
    monitor.ask("job-dismiss", id=name)
    if "error" in job:
        raise Refused("the job " + name + " ended: " + job["error"])


def drop(monitor, name, node):
    end_job(monitor, name)
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


def write_whole(path, text, mode, lasting=True):
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        if lasting:
            os.fsync(file.fileno())
    os.rename(path + ".new", path)
    if lasting:
        keep(os.path.dirname(path))


def locked(path):
    """libxl's own lock around a guest's stored files (libxl__lock_domain_userdata): the file is removed by who unlocks it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


def load_stored(path):
    with open(path, "rb") as file:
        text = file.read()
    # libxl ends the text with a NUL
    return json.loads(text.rstrip(b"\0"))


def store(path, wanted):
    """
    Names other devices in the configuration that libxl holds of a running guest: what its own reboot comes up with, and
    what is saved with it. xl has no command for that: config-update leaves alone what a saved guest is restored from.
    """
    # of a guest that runs: it means nothing after a reboot of Dom0, and needs not outlive one
    lock = path.replace("userdata-d.", "userdata-l.", 1).replace(".libxl-json", ".domain-userdata-lock")
    descriptor = locked(lock)
    try:
        config = load_stored(path)
        disks = {disk.get("vdev"): disk for disk in config.get("disks", [])}
        for vdev, device, backend, form in wanted:
            if vdev not in disks:
                raise Refused("libxl has stored no disk " + vdev)
            disks[vdev].update({"pdev_path": device, "backend": backend, "format": form})
        write_whole(path, json.dumps(config, indent=4).encode() + b"\n\0", 0o600, lasting=False)
    finally:
        os.unlink(lock)
        os.close(descriptor)


def complete(monitor, name):
    """A pending job has copied all and holds back what the guest writes: image and volume are equal from there on."""
    if monitor.job(name)["status"] == "ready":
        monitor.ask("job-complete", id=name)


def pivot(domid, seconds, draft, config, stored, mark, *moves):
    disks = list(zip(moves[0::3], moves[1::3], moves[2::3]))
    monitor = Monitor(domid, seconds)
    for _, _, name in disks:
        job = monitor.job(name)
        if job is None or job["status"] not in ("ready", "pending"):
            raise Refused("the job " + name + " is not in sync")
    began = time.monotonic()
    for _, _, name in disks:
        complete(monitor, name)
    for _, _, name in disks:
        await_status(monitor, name, ("pending",))
    os.rename(draft, config)
    keep(os.path.dirname(config))
    store(stored, [(vdev, device, "phy", "raw") for vdev, device, _ in disks])
    write_whole(mark, ("%.2f\n" % time.time()).encode(), 0o600)
    left = []
    for number, (vdev, device, name) in enumerate(disks):
        try:
            finalize(monitor, name)
        except Refused as error:
            # where QEMU does not say that this disk is on its image still, the mark stays, as when all of this dies here
            if number == 0:
                if stays(monitor, vdev, device):
                    os.unlink(mark)
                    keep(os.path.dirname(mark))
                raise
            left.append(vdev + ": " + str(error))
    print("%d" % round((time.monotonic() - began) * 1000))
    if left:
        raise Refused("some disks stay on their images, and the config has to name these again: " + "; ".join(left))


def stays(monitor, vdev, device):
    """QEMU serves the disk, and not from the device that it was to go over to."""
    try:
        served = monitor.disks()
    except (Refused, Absent):
        return False
    return vdev in served and not same_file(path_of(served[vdev]), device)


def is_on(domid, seconds, stored, *wanted):
    monitor = Monitor(domid, seconds)
    served = monitor.disks()
    named = {disk.get("vdev"): disk.get("pdev_path") for disk in load_stored(stored).get("disks", [])}
    for vdev, device in zip(wanted[0::2], wanted[1::2]):
        if vdev not in served:
            raise Refused("QEMU serves no disk " + vdev)
        if not same_file(path_of(served[vdev]), device):
            raise Refused("QEMU has " + path_of(served[vdev]) + " open for " + vdev + ", not " + device)
        if named.get(vdev) != device:
            raise Refused("libxl has " + str(named.get(vdev)) + " stored for " + vdev + ", not " + device)


def main(what, *rest):
    if what == "views":
        for domid in rest[1:]:
            print(json.dumps(view(domid, rest[0])))
    elif what == "restore":
        store(rest[0], list(zip(rest[1::5], rest[3::5], rest[4::5], rest[5::5])))
    elif what == "pivot":
        pivot(*rest)
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
            await_status(monitor, rest[2], ("ready", "pending"))
            complete(monitor, rest[2])
            await_status(monitor, rest[2], ("pending",))
        elif what == "drop":
            drop(monitor, rest[2], rest[3])
        elif what == "finalize":
            finalize(monitor, rest[2])
        elif what == "holds":
            print("yes" if any(same_file(path_of(node), rest[2]) for node in monitor.nodes()) else "no")
        else:
            raise Refused("what is " + what + "?")


# whatever hangs, be it a lock that xl holds
signal.alarm(180)
try:
    main(*sys.argv[1:])
except Absent as error:
    print(error, file=sys.stderr)
    sys.exit(3)
except (Refused, OSError, ValueError, KeyError) as error:
    print(error or type(error).__name__, file=sys.stderr)
    sys.exit(1)
