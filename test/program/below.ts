import { existsSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { StubHost } from "./host.js";

/** What lies below a guest's disk, which may be a device of converge's own. */
export function below(host: StubHost, disk: string): string {
  const array = /^\/dev\/md\/(.+)$/.exec(disk)?.[1];
  if (array !== undefined) {
    const md = join(host.root, "sys/block", readlinkSync(join(host.root, disk)).replace("../", ""), "md");
    const members = readdirSync(md).filter((member) => member.startsWith("dev-"));
    if (members.length !== 1 || readFileSync(join(md, members[0] ?? "", "state"), "utf8") !== "in_sync\n") return "a mirror";
    return members[0]?.startsWith("dev-7_") === true ? "/srv/disk.img" : "/dev/vg0/web1-root";
  }
  const resource = /^\/dev\/drbd\/(.+)$/.exec(disk)?.[1];
  if (resource !== undefined) {
    const drbd = (name: string, what: string): string => {
      const path = join(host.state, "drbd", name, what);
      return existsSync(path) ? readFileSync(path, "utf8").trim() : "";
    };
    if (existsSync(join(host.state, "drbd", `${resource}.copy`))) return "a mirror";
    if (existsSync(join(host.state, "drbd", resource, "suspended")) || drbd(resource, "state") !== "UpToDate") return "nothing";
    return /\/loop\d+$/.test(drbd(resource, "disk")) ? "/srv/disk.img" : drbd(resource, "disk").replace(host.root, "");
  }
  const name = /^\/dev\/mapper\/(.+)$/.exec(disk)?.[1];
  if (name === undefined) return disk;
  const table = readFileSync(join(host.state, "dm", name, "table"), "utf8");
  if (table.includes(" mirror ")) return "a mirror";
  return table.includes(" 7:") ? "/srv/disk.img" : "/dev/vg0/web1-root";
}
