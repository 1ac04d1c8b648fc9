import { describe, expect, test } from "vitest";
import { lintAll, textFiles } from "./project-files.js";

/** group_vars and host_vars beside playbooks: each playbook has those of its own folder, as in a run. */

const HOSTS = "xen: { hosts: { dom0a: } }\n";
const PLAY = "- hosts: xen\n  domains: { web1: { disks: { xvda1: { volume: \"{{ pool }}/web1\", size: 8MiB } } } }\n";

function told(texts: Readonly<Record<string, string>>): string[] {
  return lintAll(textFiles(texts)).findings.map(({ code, at }) => `${code} ${at?.source.file ?? ""}`);
}

describe("variables beside a playbook", () => {
  test.each(["group_vars/all.yml", "group_vars/xen/pools.yml", "host_vars/dom0a.json"])("%s", (path) => {
    expect(told({ "inv/hosts.yml": HOSTS, "play/web.yml": PLAY })).toContain("undefined-variable play/web.yml");
    expect(told({ "inv/hosts.yml": HOSTS, "play/web.yml": PLAY, [`play/${path}`]: "{\"pool\": \"vg0\"}\n" })).toEqual([]);
  });

  test("are for the playbooks of that folder alone", () => {
    const texts = { "inv/hosts.yml": HOSTS, "a/web.yml": PLAY, "b/web.yml": PLAY.replace("web1", "web2"), "a/group_vars/all.yml": "pool: vg0\n" };
    expect(told(texts)).toEqual(["undefined-variable b/web.yml"]);
    expect(told({ ...texts, "b/group_vars/all.yml": "pool: vg1\n" })).toEqual([]);
  });

  test("are stronger than those beside the inventory", () => {
    const texts = { "inv/hosts.yml": HOSTS, "inv/group_vars/xen.yml": "pool: vg/1\n", "play/web.yml": PLAY };
    expect(told(texts)).not.toEqual([]);
    expect(told({ ...texts, "play/group_vars/xen.yml": "pool: vg0\n" })).toEqual([]);
  });

  test("say how hosts are reached", () => {
    expect(told({ "inv/hosts.yml": HOSTS, "play/web.yml": PLAY, "play/group_vars/all.yml": "{ pool: vg0, ansible_port: many }\n" }))
      .toEqual(["connection play/group_vars/all.yml"]);
  });

  test("are linted themselves: what is broken, what is secret, what nothing uses, by its place", () => {
    const around = { "inv/hosts.yml": HOSTS, "play/web.yml": PLAY };
    expect(told({ ...around, "play/group_vars/all.yml": "pool: [\n" })).toContain("yaml-syntax play/group_vars/all.yml");
    expect(told({ ...around, "play/host_vars/dom0a.yml": "pool: vg0\nansible_password: hunter2\n" })).toEqual(["plain-secret play/host_vars/dom0a.yml"]);
    expect(told({ ...around, "play/group_vars/xen.yml": "pool: vg0\npol: vg1\n" })).toEqual(["unused-variable play/group_vars/xen.yml"]);
  });

  test("can be silenced where they stand", () => {
    const vars = "pool: vg0\n# converge-lint-ignore unused-variable: another tool reads it\npol: vg1\n";
    expect(told({ "inv/hosts.yml": HOSTS, "play/web.yml": PLAY, "play/group_vars/xen.yml": vars })).toEqual([]);
  });

  test("that also lie beside the inventory are told of once", () => {
    const texts = { "hosts.yml": HOSTS, "web.yml": PLAY, "group_vars/xen.yml": "pool: vg0\npol: vg1\n" };
    expect(lintAll(textFiles(texts)).findings.map(({ summary }) => summary)).toEqual(["no playbook uses the variable 'pol'"]);
  });

  test("of groups of one rank tie as others do", () => {
    const inventory = "xen: { hosts: { dom0a: } }\nlab: { hosts: { dom0a: } }\n";
    const texts = { "inv/hosts.yml": inventory, "play/web.yml": PLAY, "play/group_vars/xen.yml": "pool: vg0\n" };
    expect(told({ ...texts, "play/group_vars/lab.yml": "pool: vg1\n" })).toEqual(["group-tie play/group_vars/xen.yml"]);
    expect(told({ ...texts, "inv/group_vars/lab.yml": "pool: vg1\n" })).toEqual([]);
  });
});
