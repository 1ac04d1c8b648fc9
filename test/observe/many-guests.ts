import { readFileSync } from "node:fs";
import { encodeBase64 } from "../../src/core/facts/base64.js";
import { readRecording } from "../../src/core/facts/recording.js";
import type { Readings } from "../../src/core/facts/readings.js";
import type { CommandResult } from "../../src/core/model/command.js";

/** Readings of a real Dom0 of the lab, recorded in this folder. */
export function labReadings(name = "lab-web1-running"): Readings {
  // from the project's root, where tests and benchmarks are started: compiled, this file lies elsewhere
  const file = `test/observe/recorded/${name}.json`;
  const { value } = readRecording(readFileSync(file, "utf8"), file);
  if (value === undefined) throw new Error(`${name} is no recording`);
  return value;
}

const MIB = 1024 * 1024;

/**
 * Readings as a Dom0 with so many running guests would give them, each with a root and a swap image; in the form that
 * the lab's own have.
 */
export function manyGuests(host: string, count: number): Readings {
  const lab = labReadings();
  const guests = Array.from({ length: count }, (_, i) => ({ name: `guest${i + 1}`, domid: i + 1, uuid: uuidOf(i + 1) }));
  const ok = (stdout: string): CommandResult => ({ exitCode: 0, stdout, stderr: "" });
  const disks = guests.flatMap(({ name, domid }, i) => [
    { domid, path: `/srv/xen/${name}/disk.img`, vdev: "xvda1", id: 51713, inode: 1000 + 2 * i, loop: 2 * i, bytes: 2048 * MIB },
    { domid, path: `/srv/xen/${name}/swap.img`, vdev: "xvda2", id: 51714, inode: 1001 + 2 * i, loop: 2 * i + 1, bytes: 512 * MIB },
  ]);
  return {
    ...lab,
    host,
    results: {
      ...lab.results,
      "xl-configs": ok(configs(guests)),
      "domain-list": ok([
        "Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID   Reason-Code\tSecurity Label",
        "Domain-0                                     0  1536     2     r-----     407.3 00000000-0000-0000-0000-000000000000        -                -",
        ...guests.map((g) => `${g.name.padEnd(40)} ${g.domid}   128     1     -b----      74.5 ${g.uuid}        -                -`),
        "",
      ].join("\n")),
      "stored-configs": ok(guests.map((g) => {
        const config = {
          c_info: { type: "pv", name: g.name, uuid: g.uuid },
          b_info: { max_vcpus: 1, max_memkb: 131072 },
          disks: disks.filter((d) => d.domid === g.domid).map((d) => (
            { pdev_path: d.path, vdev: d.vdev, format: "raw", readwrite: 1 })),
        };
        return `userdata userdata-d.${g.domid}.${g.uuid}.libxl-json\n${JSON.stringify(config, null, 4)}\n\n`;
      }).join("")),
      "xenstore-backends": ok(disks.map((d) => {
        const at = `/local/domain/0/backend/vbd/${d.domid}/${d.id}`;
        return [
          `${at}/frontend = "/local/domain/${d.domid}/device/vbd/${d.id}"`, `${at}/params = "${d.path}"`,
          `${at}/physical-device = "7:${d.loop.toString(16)}"`, `${at}/state = "4"`, `${at}/dev = "${d.vdev}"`,
          `${at}/mode = "w"`, `${at}/device-type = "disk"`, "",
        ].join("\n");
      }).join("")),
      "loops": ok(JSON.stringify({ loopdevices: disks.map((d) => (
        { name: `/dev/loop${d.loop}`, "back-file": d.path, "back-ino": d.inode, "back-maj:min": "253:0", offset: 0, ro: false })) })),
      "disk-targets": ok(diskTargets(disks, lab.results["disk-targets"]?.stdout ?? "")),
    },
  };
}

function uuidOf(n: number): string {
  return `5f1a7c52-3d0a-4f5e-9d53-${n.toString(16).padStart(12, "0")}`;
}

function configs(guests: readonly { readonly name: string; readonly uuid: string }[]): string {
  const texts = guests.map(({ name, uuid }) =>
    `name = '${name}'\nuuid = "${uuid}"\nkernel = '/boot/guest/vmlinux'\nmemory = 128\n` +
    `vif = [ 'mac=00:16:3e:4d:00:11,bridge=xenbr0,ip=10.77.0.11' ]\n` +
    `disk = [\n    'file:/srv/xen/${name}/disk.img,xvda1,w',\n    'file:/srv/xen/${name}/swap.img,xvda2,w',\n]\n`);
  const paths = guests.map(({ name }) => `/etc/xen/${name}.cfg`);
  const stream = texts.map((text) => `${text}\nend-of-config\n`).join("");
  return [
    ...paths.map((path) => `path ${path}`),
    ...texts.map((text, i) => `stat 644 ${500 + i} ${text.length}`),
    ...paths, "content", encodeBase64(new TextEncoder().encode(stream)), "",
  ].join("\n");
}

/** Heads are the lab's: of an ext4 root and a swap area. */
function diskTargets(disks: readonly { readonly path: string; readonly inode: number; readonly bytes: number }[], lab: string): string {
  const lines = lab.split("\n");
  const paths = lines.filter((line) => line.startsWith("path ")).map((line) => line.slice(5));
  const dump = lines.slice(lines.indexOf("heads") + 1);
  const head = (path: string): readonly string[] => {
    const record = paths.indexOf(path);
    const from = record * 8256 + 64;
    return shift(dump, from, from + 8192);
  };
  const [root, swap] = [head("/srv/xen/web1/disk.img"), head("/srv/xen/web1/swap.img")];
  const out: string[] = [
    ...disks.map((d) => `path ${d.path}`),
    ...disks.map((d) => `stat 81a4 ${d.bytes} 13256 512 ${d.inode} 64768 1795372059 1 0:0`),
    ...disks.map((d) => d.path), "heads",
  ];
  disks.forEach((_, i) => {
    const at = i * 8256;
    const record = Buffer.from(`converge-head ${i}`.padEnd(64)).toString("hex").match(/../g) ?? [];
    for (let k = 0; k < 64; k += 16) out.push(`${String(at + k).padStart(7, "0")} ${record.slice(k, k + 16).join(" ")}`);
    for (const line of (i % 2 === 0 ? root : swap)) out.push(relocate(line, at + 64));
  });
  return [...out, String(disks.length * 8256).padStart(7, "0"), ""].join("\n");
}

/** The lines of a dump from one offset to another, counted from there. */
function shift(dump: readonly string[], from: number, to: number): readonly string[] {
  return dump.filter((line, i) => {
    const at = Number((line === "*" ? (dump[i - 1] ?? "") : line).split(" ")[0]);
    return line !== "" && at >= from && at < to && /[ *]/.test(line);
  }).map((line) => relocate(line, -from));
}

function relocate(line: string, by: number): string {
  const space = line.indexOf(" ");
  return space === -1 ? line : `${String(Number(line.slice(0, space)) + by).padStart(7, "0")}${line.slice(space)}`;
}
