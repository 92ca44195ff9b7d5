/** Gives the thread to others for a moment, in any runtime. */

/** Comes back after others have had the thread. Timers come late in a tab that is not looked at, messages do not. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
