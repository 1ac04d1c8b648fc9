/** How words are set apart. The terminal's room gives the colours; nothing here or in the texts depends on them. */
export interface Style {
  readonly heading: (text: string) => string;
  /** Names of hosts, guests, disks. */
  readonly name: (text: string) => string;
  readonly added: (text: string) => string;
  readonly removed: (text: string) => string;
  readonly hunk: (text: string) => string;
  /** What explains and may be skipped. */
  readonly faint: (text: string) => string;
  readonly command: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly danger: (text: string) => string;
}

const same = (text: string): string => text;

/** Text as it is: for pipes, files, and whoever wants no colour. */
export const plainStyle: Style = {
  heading: same, name: same, added: same, removed: same, hunk: same,
  faint: same, command: same, good: same, warning: same, danger: same,
};
