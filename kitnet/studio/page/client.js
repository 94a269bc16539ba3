// What the studio tells, and how it is asked.

import { python, t } from "./language.js";

const AGAIN = 1000; // milliseconds until a connection is tried again
const PATIENCE = 5000; // milliseconds without one, after which the studio is taken to have ended

// The newest frame of each kind, and who listens. A connection that breaks is made anew, unless the studio has
// said that it ends; it then tells all that is kept.
export class Client {
  #latest = new Map();
  #listeners = new Map();
  #socket = null;
  #answered = Date.now(); // when the studio was there last

  constructor() {
    this.points = []; // of the curve over steps
    this.epochs = []; // of the curves over epochs
    this.#connect();
  }

  latest(kind) {
    return this.#latest.get(kind);
  }

  // Hear frames of a kind, the newest at once; gives how to hear no more.
  on(kind, listener) {
    if (!this.#listeners.has(kind)) this.#listeners.set(kind, new Set());
    this.#listeners.get(kind).add(listener);
    if (this.#latest.has(kind)) listener(this.#latest.get(kind));
    return () => this.#listeners.get(kind).delete(listener);
  }

  // POST a JSON object; the answer, or an Error with the line to show.
  async ask(route, body) {
    const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(route, request).catch(() => {
      throw new Error(t(this.#latest.has("over") ? "over" : "no_answer"));
    });
    const isJson = answer.headers.get("content-type")?.includes("json");
    const told = isJson ? await answer.json() : { error: await answer.text() };
    if ("error" in told) throw Object.assign(new Error(python(told.error)), { column: told.column });
    return told;
  }

  #connect() {
    const socket = new WebSocket(`ws://${location.host}/frames`);
    this.#socket = socket;
    socket.onopen = () => this.#hear({ kind: "connection", open: true });
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = () => {
      if (this.#latest.get("connection")?.open) this.#answered = Date.now();
      this.#hear({ kind: "connection", open: false, patient: Date.now() - this.#answered < PATIENCE });
      if (!this.#latest.has("over")) setTimeout(() => this.#connect(), AGAIN);
    };
  }

  #hear(frame) {
    if (frame.kind === "curve") this.points = frame.points;
    if (frame.kind === "epochs") this.epochs = frame.points;
    if (frame.kind === "step") this.#add(this.points, frame);
    if (frame.kind === "epoch") this.#add(this.epochs, frame);
    this.#latest.set(frame.kind, frame);
    for (const listener of this.#listeners.get(frame.kind) ?? []) listener(frame);
  }

  // A point at its place; where points before it were lost all are asked for anew.
  #add(points, frame) {
    if (frame.number === null) return;
    if (frame.number > points.length) this.#socket.close();
    else points.splice(frame.number, Infinity, frame.point);
  }
}
