/** A refusal: the envelope's error with its HTTP status. */
export class ApiError extends Error {
	constructor(status, { message, code, retryable, retryAfterMs } = {}, retryAfter) {
		super(message ?? `The server answered ${status}.`);
		Object.assign(this, { status, code, retryable: retryable ?? status >= 500, retryAfterMs: retryAfterMs ?? (retryAfter * 1000 || null) });
	}
}

function open(status, text, retryAfter) {
	let body = {};
	try {
		body = JSON.parse(text);
	} catch {
		// A proxy's page, or a body cut short: the status must do.
	}
	if (status >= 200 && status < 300 && body.success) return body;
	throw new ApiError(status, body.error, retryAfter);
}

/** Throws what a refused response says. */
export async function refuse(response) {
	open(response.status, await response.text(), response.headers.get('Retry-After'));
}

/** Resolves to {data, metadata, headers, bytes}, without data after 304. Throws ApiError, or TypeError when no answer came. */
export async function request(path, { method, body, token, etag, key, signal } = {}) {
	const headers = {};
	if (token) headers.Authorization = `Bearer ${token}`;
	if (etag) headers['If-None-Match'] = etag;
	if (key) headers['Idempotency-Key'] = key;
	const response = await fetch(path, { method, body, headers, signal, cache: 'no-store' });
	if (response.status === 304) return { headers: response.headers, bytes: 0 };
	const text = await response.text();
	const { data, metadata } = open(response.status, text, response.headers.get('Retry-After'));
	return { data, metadata, headers: response.headers, bytes: new Blob([text]).size };
}
