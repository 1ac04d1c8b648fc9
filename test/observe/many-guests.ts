import { createHash } from "node:crypto";
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

interface SomeGuest {
  readonly name: string;
  readonly domid: number;
  readonly uuid: string;
  readonly mac: string;
  readonly ip: string;
  readonly memoryMiB: number;
}

/** No two hosts have a guest of the same name. */
export function guestName(host: string, number: number): string {
  return `${host}-guest${number}`;
}

/**
 * Readings as a Dom0 with so many running guests would give them, each with a root and a swap image; in the form that
 * the lab's own have. What is different from guest to guest on real hosts is so here, and no two hosts have it the same:
 * names, paths, UUIDs, addresses, memory, inodes.
 */
export function manyGuests(host: string, count: number): Readings {
  const lab = labReadings();
  const salt = createHash("sha256").update(host).digest();
  const guests = Array.from({ length: count }, (_, i): SomeGuest => {
    const own = createHash("sha256").update(salt).update(String(i)).digest("hex");
    const octets = [own.slice(0, 2), own.slice(2, 4), own.slice(4, 6)];
    return {
      name: guestName(host, i + 1), domid: i + 1 + (salt[0] ?? 0), uuid: uuidOf(own), mac: `00:16:3e:${octets.join(":")}`,
      ip: `10.${octets.map((octet) => parseInt(octet, 16)).join(".")}`, memoryMiB: 128 * (1 + parseInt(own.slice(6, 8), 16)),
    };
  });
  const firstInode = 1000 + (salt.readUInt16BE(1) << 6);
  const ok = (stdout: string): CommandResult => ({ exitCode: 0, stdout, stderr: "" });
  const disks = guests.flatMap(({ name, domid }, i) => [
    { domid, path: `/srv/xen/${name}/disk.img`, vdev: "xvda1", id: 51713, inode: firstInode + 2 * i, loop: 2 * i, bytes: 2048 * MIB },
    { domid, path: `/srv/xen/${name}/swap.img`, vdev: "xvda2", id: 51714, inode: firstInode + 1 + 2 * i, loop: 2 * i + 1, bytes: 512 * MIB },
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
        ...guests.map((g) => `${g.name.padEnd(40)} ${g.domid} ${String(g.memoryMiB).padStart(5)}     1     -b----      74.5 ${g.uuid}        -                -`),
        "",
      ].join("\n")),
      "stored-configs": ok(guests.map((g) => {
        const config = {
          c_info: { type: "pv", name: g.name, uuid: g.uuid },
          b_info: { max_vcpus: 1, max_memkb: g.memoryMiB * 1024 },
          disks: disks.filter((d) => d.domid === g.domid).map((d) => (
            { pdev_path: d.path, vdev: d.vdev, format: "raw", readwrite: 1 })),
          nics: [{ devid: 0, mac: g.mac, ip: g.ip, bridge: "xenbr0", nictype: "vif" }],
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
      "disk-targets": ok(diskTargets(disks, guests, lab.results["disk-targets"]?.stdout ?? "")),
    },
  };
}

function uuidOf(hash: string): string {
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join("-");
}

function configs(guests: readonly SomeGuest[]): string {
  const texts = guests.map(({ name, uuid, mac, ip, memoryMiB }) =>
    `name = '${name}'\nuuid = "${uuid}"\nkernel = '/boot/guest/vmlinux'\nmemory = ${memoryMiB}\n` +
    `vif = [ 'mac=${mac},bridge=xenbr0,ip=${ip}' ]\n` +
    `disk = [\n    'file:/srv/xen/${name}/disk.img,xvda1,w',\n    'file:/srv/xen/${name}/swap.img,xvda2,w',\n]\n`);
  const paths = guests.map(({ name }) => `/etc/xen/${name}.cfg`);
  const stream = texts.map((text) => `${text}\nend-of-config\n`).join("");
  return [
    ...paths.map((path) => `path ${path}`),
    ...texts.map((text, i) => `stat 644 ${500 + i} ${text.length}`),
    ...paths, "content", encodeBase64(new TextEncoder().encode(stream)), "",
  ].join("\n");
}

/** Heads are the lab's, of an ext4 root and a swap area; each with a UUID of its own. */
function diskTargets(
  disks: readonly { readonly path: string; readonly inode: number; readonly bytes: number; readonly domid: number }[],
  guests: readonly SomeGuest[], lab: string,
): string {
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
    const uuid = guests[Math.floor(i / 2)]?.uuid.replaceAll("-", "").match(/../g) ?? [];
    // superblock-ext.ts and superblock-swap.ts have it there
    for (const line of (i % 2 === 0 ? withBytes(root, 0x468, uuid) : withBytes(swap, 0x40c, uuid))) out.push(relocate(line, at + 64));
  });
  return [...out, String(disks.length * 8256).padStart(7, "0"), ""].join("\n");
}

/** A dump with other bytes in one place, all of whose lines are there. */
function withBytes(dump: readonly string[], offset: number, bytes: readonly string[]): readonly string[] {
  return dump.map((line) => {
    const [at = "", ...old] = line.split(" ");
    const start = offset - Number(at);
    if (line === "*" || start <= -bytes.length || start >= old.length) return line;
    return [at, ...old.map((byte, k) => bytes[k - start] ?? byte)].join(" ");
  });
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
