// More than any event of the contract: a `book` event has a few KB.
const MAX_EVENT = 1 << 20;

/** @typedef {{ event: string, data: string, id: string }} Frame one dispatched event; `id`: the last one seen up to it */

/** Reads an event stream as the HTML standard says, from pieces cut anywhere. An event over 1 MB is refused. */
export class Parser {
	/** What the stream last asked clients to wait before they reconnect, in ms. @type {number | null} */
	retry = null;
	#decoder = new TextDecoder();
	#rest = '';
	#afterCr = false;
	#event = '';
	#data = '';
	#id = '';

	/**
	 * The events that `bytes` complete.
	 * @param {Uint8Array} bytes
	 * @returns {Frame[]}
	 */
	push(bytes) {
		let text = this.#decoder.decode(bytes, { stream: true });
		if (!text) return [];
		const [continuesCrLf, endsInCr] = [this.#afterCr && text[0] === '\n', text.endsWith('\r')];
		if (continuesCrLf) text = text.slice(1);
		this.#afterCr = endsInCr;
		const lines = (this.#rest + text).split(/\r\n|\n|\r/);
		this.#rest = lines.pop() ?? '';
		/** @type {Frame[]} */
		const frames = [];
		for (const line of lines) {
			if (line) this.#field(line);
			else this.#dispatch(frames);
			if (this.#data.length > MAX_EVENT) throw new RangeError('an endless event');
		}
		if (this.#rest.length > MAX_EVENT) throw new RangeError('an endless line');
		return frames;
	}

	/** @param {string} line */
	#field(line) {
		const colon = line.indexOf(':');
		const name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
		if (name === 'event') this.#event = value;
		else if (name === 'data') this.#data += `${value}\n`;
		else if (name === 'id' && !value.includes('\0')) this.#id = value;
		else if (name === 'retry' && /^\d{1,15}$/.test(value)) this.retry = Number(value);
	}

	/** @param {Frame[]} frames */
	#dispatch(frames) {
		const [event, data] = [this.#event || 'message', this.#data];
		this.#event = this.#data = '';
		if (data) frames.push({ event, data: data.slice(0, -1), id: this.#id });
	}
}
