/**
 * What can go wrong between this client and a server. `kind` tells the subclasses apart where `instanceof` cannot
 * (two copies of this module, say).
 */
export class BookstrackError extends Error {
	/**
	 * @param {'refused' | 'gone' | 'unreachable' | 'protocol'} kind
	 * @param {string} message
	 */
	constructor(kind, message) {
		super(message);
		this.name = new.target.name;
		this.kind = kind;
	}

	/** Whether time may heal it: the server is away, busy or restarting. */
	get transient() {
		return false;
	}

	/** What `Retry-After` said, in ms. @type {number | null} */
	retryAfter = null;
}

/** The server refused, and said why in its envelope. */
export class Refused extends BookstrackError {
	/**
	 * @param {number} status HTTP status of the answer
	 * @param {{ code?: string, message?: string, retryable?: boolean, details?: unknown }} error
	 * @param {number | null} retryAfter what `Retry-After` said, in ms
	 * @param {'refused' | 'gone'} kind
	 */
	constructor(status, error, retryAfter, kind = 'refused') {
		super(kind, error.message ?? `The server answered ${status}.`);
		this.status = status;
		/** Stable and machine-readable: `RATE_LIMIT_EXCEEDED`, for example. */
		this.code = error.code ?? '';
		/** Whether the same request may succeed later. */
		this.retryable = error.retryable ?? false;
		this.retryAfter = retryAfter;
		this.details = error.details;
	}

	get transient() {
		return this.retryable || this.status >= 500 || this.status === 429;
	}
}

/** No such job, or its results have expired. */
export class Gone extends Refused {
	/** @param {ConstructorParameters<typeof Refused>} refusal */
	constructor(...[status, error, retryAfter]) {
		super(status, error, retryAfter, 'gone');
	}
}

/** No connection, or it broke before an answer came, or none came in time. */
export class Unreachable extends BookstrackError {
	/**
	 * @param {string} message
	 * @param {{ cause?: unknown, timedOut?: boolean, retryAfter?: number | null }} [why]
	 */
	constructor(message, { cause, timedOut = false, retryAfter = null } = {}) {
		super('unreachable', message);
		this.retryAfter = retryAfter;
		this.cause = cause;
		this.timedOut = timedOut;
	}

	get transient() {
		return true;
	}
}

/** An answer that this API does not give: a wrong address, or a proxy's own page. */
export class Protocol extends BookstrackError {
	/** @param {string} what */
	constructor(what) {
		super('protocol', `This does not answer like a bookstrack server: ${what}.`);
	}
}
