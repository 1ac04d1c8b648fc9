import { readFile } from 'node:fs/promises';
import { LabSsh, type LabUser, type RunOptions, type RunResult } from './lab-ssh.js';
import { parseStatus, runLabScript } from './lab-script.js';

/** `main` live-migrates PV guests (shadow paging); `security` is Debian 12's newest, and does not. */
export type Hypervisor = 'main' | 'security';

export interface LabOptions {
  /** Labs of different names run side by side; a-z, 0-9 and hyphens. */
  readonly name: string;
  readonly hypervisor?: Hypervisor;
  /** `svm` runs PVH and HVM guests too. */
  readonly cpu?: 'pv' | 'svm';
}

/** A running Xen Dom0 of the lab. Made by `Lab.up` or `Lab.attach`, ended by `down`. */
export class Lab {
  readonly name: string;
  readonly hypervisor: string;
  readonly port: number;
  readonly runDirectory: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  /** An ssh_config in which the host is called `dom0`. */
  readonly sshConfigFile: string;
  readonly #serialConsoleFile: string;
  readonly #ssh: LabSsh;

  private constructor(status: ReadonlyMap<string, string>) {
    const value = (key: string): string => {
      const found = status.get(key);
      if (found === undefined) throw new Error(`lab.sh status printed no ${key}`);
      return found;
    };
    this.name = value('name');
    this.hypervisor = value('hypervisor');
    this.port = Number(value('port'));
    this.runDirectory = value('run');
    this.keyFile = value('key');
    this.knownHostsFile = value('known_hosts');
    this.sshConfigFile = value('ssh_config');
    this.#serialConsoleFile = value('console');
    this.#ssh = new LabSsh(this.runDirectory);
  }

  /** Boots a fresh Dom0 and waits until it is ready; the first time ever, builds its images too (minutes). */
  static async up(options: LabOptions): Promise<Lab> {
    const hypervisor = options.hypervisor === undefined ? [] : ['--hypervisor', options.hypervisor];
    const cpu = options.cpu === undefined ? [] : ['--cpu', options.cpu];
    return new Lab(parseStatus(await runLabScript('up', ['--name', options.name, ...hypervisor, ...cpu])));
  }

  /** Takes hold of a lab that is up already. */
  static async attach(name: string): Promise<Lab> {
    return new Lab(parseStatus(await runLabScript('status', ['--name', name])));
  }

  /** Runs a command on Dom0. See LabSsh.run. */
  run(command: string | readonly string[], options?: RunOptions): Promise<RunResult> {
    return this.#ssh.run(command, options);
  }

  /** Arguments for a plain `ssh`, without the command. */
  sshArguments(user?: LabUser): string[] {
    return this.#ssh.arguments(user);
  }

  /** Ends the machine as a power failure does. Disks stay; `boot` starts it again on them. */
  async powerCut(): Promise<void> {
    await this.#script('power-cut');
  }

  /** Boots again on the same disks, and waits until Dom0 is ready. */
  async boot(): Promise<void> {
    await this.#script('boot');
  }

  /** Reboots Dom0 in order (xendomains saves its guests), and waits until it is ready again. */
  async reboot(): Promise<void> {
    await this.#script('reboot');
  }

  /** Ends the machine and throws its disks away. */
  async down(): Promise<void> {
    await this.#script('down');
  }

  /** An inventory with the lab as host `dom0` of the group `xen`. */
  inventory(user?: LabUser): Promise<string> {
    return this.#script('inventory', user === undefined ? [] : [user]);
  }

  /** What Xen and Dom0's kernel wrote on the serial line, over all boots. */
  serialConsole(): Promise<string> {
    return readFile(this.#serialConsoleFile, 'utf8');
  }

  /** What a guest wrote on its console, each line with its time, over all its starts. Empty before the first. CRs are taken off. */
  async consoleLog(guest: string): Promise<string> {
    const log = `/var/log/xen/console/guest-${guest}.log`;
    return (await this.run(['sh', '-c', 'if [ -e "$1" ]; then cat "$1"; fi', 'sh', log])).stdout.replaceAll('\r', '');
  }

  #script(command: string, options: readonly string[] = []): Promise<string> {
    return runLabScript(command, ['--name', this.name, ...options]);
  }
}
