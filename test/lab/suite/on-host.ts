import { expect } from "vitest";
import type { Lab } from "../lab.js";
import { acks, expectNoErrors, longestSilence, waitForConsole } from "../lab-guests.js";

/** What the suite looks at on Dom0. */

/** Targets that xenstore has attached, by virtual device: read where the guest's backends are. */
export async function attached(lab: Lab, guest: string): Promise<Readonly<Record<string, string>>> {
  const script = `
    domid=$(xl domid "$1") || exit 1
    for kind in vbd qdisk; do
      for device in $(xenstore-list /local/domain/0/backend/$kind/$domid 2>/dev/null); do
        base=/local/domain/0/backend/$kind/$domid/$device
        printf '%s %s\\n' "$(xenstore-read $base/dev)" "$(xenstore-read $base/params)"
      done
    done`;
  const { stdout } = await lab.run(["sh", "-c", script, "sh", guest]);
  return Object.fromEntries(stdout.trim().split("\n").map((line) => {
    const space = line.indexOf(" ");
    return [line.slice(0, space), line.slice(space + 1)] as const;
  }));
}

/**
 * Nothing of a run may be left: snapshots, mounts, links, loops that no guest has, units, temporary configs, the throttle of mirrors,
 * devices and domains of converge's own that no guest needs.
 * @param mapped guests that run on a mapping: it stays as long, and the unit that brings it back at a boot
 */
export async function expectNothingLeft(lab: Lab, mapped: readonly string[] = []): Promise<void> {
  const script = `
    lvs --noheadings -o lv_full_name,lv_tags | grep role=snapshot
    grep ' /run/converge' /proc/self/mountinfo
    find /run/converge -mindepth 1 2>/dev/null
    ls /etc/systemd/system | grep converge | grep -vxF -e "" $(printf -- '-e converge-boot-%s.service ' "$@")
    systemctl list-units --no-legend --plain 'converge-*.service' | grep -v converge-late
    ls -A /etc/xen | grep -i -e '\\.new' -e tmp -e '^\\.converge'
    for guest in "$@"; do printf '^converge-%s-xvd[a-z0-9]*$\n' "$guest"; done >/run/lab-mapped
    { dmsetup ls | sed -n 's/[[:space:]].*//; /^converge-/p'; ls /dev/md /dev/drbd 2>/dev/null | grep '^converge-'; } | grep -v -f /run/lab-mapped
    xl list | grep -e '^converge-' -e '--incoming ' -e '^(null)'
    throttle=/sys/module/dm_mirror/parameters/raid1_resync_throttle
    [ ! -e $throttle ] || [ "$(cat $throttle)" = 100 ] || echo "the throttle of mirrors: $(cat $throttle)"
    for loop in $(losetup --list --noheadings --output NAME); do
      xenstore-ls -f /local/domain/0/backend | grep -qF "\\"$loop\\"" || echo "loop $loop: $(losetup $loop)"
    done
    true`;
  const { stdout } = await lab.run(["sh", "-c", script, "sh", ...mapped]);
  expect(stdout.trim(), "left on the host").toBe("");
}

/**
 * The file system is whole on the volume. A guest lives on for long on what it holds in memory, and writes the little
 * that it works on: without this look a mirror that copies nothing passes for one that works (seen).
 */
export async function expectWholeFilesystem(lab: Lab, volume: string, check: readonly string[] = ["e2fsck", "-f", "-n"]): Promise<void> {
  const { exitCode, stdout, stderr } = await lab.run([...check, volume], { mayFail: true });
  expect(exitCode, stdout + stderr).toBe(0);
}

/**
 * Makes access times old enough for the kernel to note new ones (mount(8), `relatime`: later than the last change, or a day ago):
 * what has been read since it was written would hide that it is read. Only where converge looks, for whoever comes by ssh is
 * logged in, and for that /etc is read by sshd, PAM and the shell.
 */
export async function ageAccessTimes(lab: Lab): Promise<void> {
  const script = `
    for directory in /etc/xen /etc/lvm /etc/mdadm /etc/drbd.d /srv /var/lib/converge /var/lib/xen; do
      if [ -d "$directory" ]; then find "$directory" -xdev ! -name '*.img' -exec touch -h -a -d '3 days ago' {} + || exit 1; fi
    done`;
  await lab.run(["sh", "-c", script]);
}

/**
 * What a guest finds its file system by, and what it can be told of it, is as it was: type, UUID, label, and for ext also the size of
 * blocks and inodes and every feature. Both are at rest.
 */
export async function expectLike(lab: Lab, volume: string, image: string): Promise<void> {
  const told = async (path: string): Promise<readonly string[]> => {
    const script = `
      for what in TYPE UUID LABEL; do echo "$what=$(blkid -p -o value -s "$what" -- "$1")"; done
      dumpe2fs -h "$1" 2>/dev/null | grep -E '^(Filesystem features|Block size|Inode size|Filesystem OS type|Default mount options):' || true`;
    return (await lab.run(["sh", "-c", script, "sh", path])).stdout.trim().split("\n").map((line) => line.replace(/\s+/g, " "));
  };
  const source = await told(image);
  expect(source[0], "it has a file system, or is swap").toMatch(/^TYPE=./);
  expect(await told(volume)).toEqual(source);
}

/** Everything about the host that a preview could change by mistake, times included. */
export async function traces(lab: Lab): Promise<string> {
  // looked at from a mount namespace that keeps no access times: looking must not be what changes them
  const script = `
    mount -o remount,bind,noatime / && mount -o remount,bind,noatime /srv/xen || exit 1
    find /etc /srv /var/lib /root -xdev \\( -path /var/lib/systemd -o -path /var/lib/private -o -name '*.img' \\) -prune -o \\
      -printf '%p %m %u %s %i %A@ %T@ %C@\\n' | sort
    find /srv -name '*.img' -printf '%p %m %u %s %i\\n' | sort
    lvs --noheadings -o lv_full_name,lv_uuid,lv_tags,lv_attr
    losetup --list --noheadings | sort
    cat /proc/1/mountinfo
    dmsetup table`;
  const inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script];
  return (await lab.run(inside)).stdout;
}

/** The newest journal of a guest, parsed. */
export async function journal(lab: Lab, guest: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { stdout } = await lab.run(["cat", `/var/lib/converge/domains/${guest}/current/journal.jsonl`]);
  return stdout.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The newest run of a guest, by name; empty where there was none. */
export async function newestRun(lab: Lab, guest: string): Promise<string> {
  return (await lab.run(["sh", "-c", 'readlink "/var/lib/converge/domains/$1/current" || true', "sh", guest])).stdout.trim();
}

/** Waits until a guest has a newer run than `before`, and that one's journal has an event like this. */
export async function waitForEvent(lab: Lab, guest: string, before: string, pattern: string, seconds = 300): Promise<void> {
  const script = `
    cd "/var/lib/converge/domains" || exit 1
    tries=$(($4 * 5))
    until [ "$(readlink "$1/current" 2>/dev/null)" != "$2" ] && grep -qE -- "$3" "$1/current/journal.jsonl" 2>/dev/null; do
      tries=$((tries - 1)); [ $tries -gt 0 ] || exit 9; sleep 0.2
    done`;
  await lab.run(["sh", "-c", `mkdir -p /var/lib/converge/domains; ${script}`, "sh", guest, before, pattern, String(seconds)], {
    timeoutSeconds: seconds + 60,
  });
}

/** What is waited for while a run goes on; a run that ends before fails the test with what it printed. */
export async function whileRunning<T>(run: PromiseLike<{ readonly all: string }>, waiting: Promise<T>): Promise<T> {
  const ended = run.then(({ all }): never => {
    throw new Error(`converge ended first:\n${all}`);
  });
  return Promise.race([waiting, ended]);
}

/** The guest writes on, is told so this many more times, and was told of no error. */
export async function expectOnward(lab: Lab, guest: string, records: number): Promise<void> {
  const { highest } = await acks(lab, guest);
  await waitForConsole(lab, guest, `\\] ack ${String(highest + records)}$`);
  await expectNoErrors(lab, guest);
}

/**
 * What the guest's users saw from that record on is what the newest run measured, the longer one of two switches, by the console's
 * whole seconds, and with a little for a guest that waits for a busy disk.
 */
export async function expectMeasuredDowntime(lab: Lab, guest: string, from: number): Promise<void> {
  const measured = (await journal(lab, guest)).filter((event) => event["event"] === "ready").map((event) => Number(event["downtime"]));
  expect(measured.length, "measured").toBeGreaterThan(0);
  expect(Math.min(...measured)).toBeGreaterThan(0);
  expect(await longestSilence(lab, guest, from)).toBeLessThanOrEqual(Math.max(...measured) + 10);
}

/** The power goes while converge watches a run, and comes back. */
export async function cutPower(lab: Lab, run: PromiseLike<unknown> & { readonly kill: (signal: "SIGTERM") => boolean }): Promise<void> {
  await lab.powerCut();
  // it would wait ten minutes for its host
  run.kill("SIGTERM");
  await run;
  await lab.boot();
}

/** A byte that no guest's disk is full of. */
const GARBAGE = "\\245";

/** What volumes are made of first has held something else before, as it has on a host where volumes come and go. */
export async function fillWithGarbage(lab: Lab): Promise<void> {
  await lab.run(`lvcreate -qq -y -Wn -Zn -L 384M -n garbage vg0
tr '\\0' '${GARBAGE}' </dev/zero | dd of=/dev/vg0/garbage bs=1M count=384 iflag=fullblock oflag=direct status=none
lvremove -qq -y vg0/garbage`, { timeoutSeconds: 600 });
}

/** Nothing of it is on a volume any more: a guest reads its own there, or zeroes. */
export async function expectNoGarbage(lab: Lab, ...volumes: readonly string[]): Promise<void> {
  const script = `import sys
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        print(path, sum(part.count(b"${GARBAGE}" * 512) for part in iter(lambda: file.read(1 << 20), b"")))`;
  const { stdout } = await lab.run(["python3", "-c", script, ...volumes], { timeoutSeconds: 300 });
  expect(stdout.trim().split("\n")).toEqual(volumes.map((path) => `${path} 0`));
}
