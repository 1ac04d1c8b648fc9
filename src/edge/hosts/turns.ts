/** One after another: what two hosts ask on one terminal at a time could not be told apart, nor answered. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  /** @param tell says whose turn it is: ssh names the key that it wants a pass phrase for, and not the host */
  constructor(private readonly tell: (name: string) => void) {}

  /**
   * Does something once all that came before it is over.
   * @param leave who has left by then is passed over: undefined
   */
  take<T>(name: string, leave: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
    const mine = this.last.then(async () => {
      if (leave.aborted) return undefined;
      this.tell(name);
      return work();
    });
    this.last = mine.catch(() => undefined);
    return mine;
  }
}
