/**
 * Milliseconds of processor time that this process has had: what it takes to work something out, whatever else the machine
 * does meanwhile.
 */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
