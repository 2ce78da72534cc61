// An inbox as any application would have it: the list from Orderbell's API, and what is new from its hub.
import { OrderbellClient } from "/page/orderbell.js";

const SHOWN = 40;

export class Inbox {
  #api;
  #token;
  #client = null;
  #closed = false;

  constructor(api, token) {
    this.#api = api;
    this.#token = token;
  }

  /** Fill `device`, and keep it up to date. */
  async start(device) {
    const items = await this.#list();
    if (this.#closed) return;
    device.notified(items);
    const client = new OrderbellClient({ after: items.at(-1)?.id ?? 0 });
    client.addEventListener("notification", ({ detail }) => device.notified([detail]));
    client.addEventListener("update", ({ detail }) => device.wasRead(detail));
    client.addEventListener("withdrawn", ({ detail }) => device.wasWithdrawn(detail));
    client.addEventListener("unread", ({ detail }) => device.counted(detail));
    client.addEventListener("state", ({ detail }) => device.connected(detail === "live"));
    client.addEventListener("reload", async () => device.notified(await this.#list()));
    client.connect(new URL("/ws", this.#api), () => this.#token);
    this.#client = client;
  }

  markAsRead(id) {
    this.#client?.markAsRead(id);
  }

  markAllAsRead() {
    this.#client?.markAllAsRead();
  }

  close() {
    this.#closed = true;
    this.#client?.close();
  }

  /** The newest, oldest first. */
  async #list() {
    const headers = { Authorization: `Bearer ${this.#token}` };
    const answer = await fetch(new URL(`/api/notifications?limit=${SHOWN}`, this.#api), { headers });
    if (!answer.ok) throw new Error(`the inbox cannot be read: ${answer.status}`);
    return (await answer.json()).items.reverse();
  }
}
