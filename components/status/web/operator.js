import { announce, h, setText } from './dom.js';

const KEY = 'bookstrack.operator';
const EVERY_MS = 5000;
// A look reads up to 319 values of the store.
const HIDDEN_EVERY_MS = 60_000;
const WRONG = 'This is not the operator’s token.';
const OFF = 'The operator’s page is off: no operator_token is configured.';
const AWAY = 'The server could not be reached.';
const NO_JOB = 'There is no job at this address.';

const time = (iso) => (iso ? new Date(iso).toLocaleTimeString() : '–');
const lasted = (ms) => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);
const facts = (pairs) => h('dl.facts', pairs.filter(([, value]) => value != null && value !== '').map(([name, value]) => h('div', h('dt', name), h('dd', String(value)))));

/** A table that scrolls by itself, also by keyboard. */
function table(caption, head, rows) {
	const body = rows.length ? rows.map((cells) => h('tr', cells.map((cell) => h('td', cell)))) : h('tr', h('td', { colspan: head.length }, 'None.'));
	return h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': caption }, h('table', h('thead', h('tr', head.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', body)));
}

/** The operator's page: everybody's jobs, the providers, the store, the settings. `name` is a job to look at. */
export function operatorView(name) {
	let token = remembered();
	let timer;
	let closed = false;
	let before = null;
	const content = h('div.operator');
	const problem = h('p.bad', { role: 'alert' });
	const heading = h('h1', { tabindex: -1 }, name ? 'One job' : 'Operator');
	const element = h('div.home', h('header', name && h('a', { href: '#/operator' }, '← All jobs'), heading), problem, content);

	async function ask(method, path, body) {
		const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
		const response = await fetch(`/api/v2/operator${path}`, { method, headers, body, cache: 'no-store' }).catch(() => null);
		if (!response) throw new Error(AWAY);
		const answer = await response.json().catch(() => ({}));
		if (response.ok) return answer.data;
		const error = new Error(response.status === 401 ? WRONG : (answer.error?.message ?? `${response.status}`));
		throw Object.assign(error, { status: response.status });
	}

	/** Forgets a token that is refused, and asks for another. */
	function fail(error) {
		const isOff = error.status === 404 && !name;
		setText(problem, isOff ? OFF : name && error.status === 400 ? NO_JOB : error.message);
		if (error.status === 401) {
			sessionStorage.removeItem(KEY);
			token = null;
			content.replaceChildren(form());
			content.querySelector('input').focus();
		} else if (isOff) {
			token = null;
			content.replaceChildren();
		}
	}

	function form() {
		const input = h('input.field', { type: 'password', id: 'operator-token', autocomplete: 'off', required: true });
		const onsubmit = (event) => {
			event.preventDefault();
			token = input.value.trim();
			setText(problem, '');
			load();
		};
		return h('form.panel', { onsubmit }, h('label', { for: 'operator-token' }, 'The operator’s token'), input, h('div.row', h('button.button.primary', { type: 'submit' }, 'Look')), h('p.fine', 'It is kept until this tab is closed.'));
	}

	async function load() {
		clearTimeout(timer);
		const page = before;
		try {
			const data = await ask('GET', name ? `/jobs/${encodeURIComponent(name)}` : before ? `?before=${before}` : '');
			if (closed || page !== before) return;
			remember(token);
			setText(problem, '');
			show(name ? timeline(data) : overview(data));
		} catch (error) {
			if (closed) return;
			fail(error);
		}
		if (token && !closed) timer = setTimeout(load, document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
	}

	/** Shows it anew, and leaves the focus where it was. */
	function show(parts) {
		const at = content.contains(document.activeElement) ? document.activeElement.dataset.key : null;
		const left = [...content.querySelectorAll('.scroll')].map(({ scrollLeft }) => scrollLeft);
		content.replaceChildren(...parts.filter(Boolean));
		content.querySelectorAll('.scroll').forEach((box, i) => (box.scrollLeft = left[i] ?? 0));
		if (at) content.querySelector(`[data-key="${CSS.escape(at)}"]`)?.focus({ preventScroll: true });
	}

	async function act(text, method, path, body) {
		try {
			const job = await ask(method, path, body);
			announce(`${text}: ${job.status}.`);
			if (job.jobId !== name && method === 'POST') location.hash = `#/operator/${encodeURIComponent(job.jobId)}`;
			else await load();
		} catch (error) {
			fail(error);
		}
	}

	function actions(job) {
		const path = `/jobs/${encodeURIComponent(job.jobId)}`;
		const over = ['completed', 'failed', 'canceled'].includes(job.status);
		const end = () => confirm('End this job? Its client is told that it was canceled.') && act('Ended', 'DELETE', path);
		return h('button.button', { onclick: over ? () => act('Tried again', 'POST', `${path}/retry`, '{}') : end, 'data-key': `act ${job.jobId}`, 'aria-label': `${over ? 'Retry' : 'End'} ${job.jobId}` }, over ? 'Retry' : 'End');
	}

	function overview({ jobs, olderThan, providers, store, holders, settings }) {
		const running = jobs.filter(({ status }) => status === 'initialized' || status === 'processing').length;
		const rows = jobs.map((job) => [
			h('a', { href: `#/operator/${encodeURIComponent(job.jobId)}`, 'data-key': job.jobId }, job.jobId.slice(0, 8)),
			job.pipeline,
			job.code ? `${job.status} ${job.code}` : job.idle ? `${job.stage}, idle` : job.status === 'processing' ? job.stage : job.status,
			time(job.createdAt),
			lasted(job.duration),
			`${job.succeededCount} of ${job.processedCount}/${job.totalCount}`,
			job.client ?? '–',
			actions(job),
		]);
		const asked = providers.map(({ name, breaker, openUntil, rate, burst, pace, latency, jobs, lookUps }) => [
			name, openUntil ? `${breaker} until ${time(openUntil)}` : breaker, `${rate} /s, burst ${burst}`, `${Math.round(pace * 100)} %`, latency == null ? '–' : lasted(latency), jobs, lookUps,
		]);
		const { secretsSet, ...others } = settings;
		const go = (to) => ((before = to), load());
		return [
			h('section.panel', h('h2', `${running} running, ${jobs.length} shown`), table('Jobs', ['Job', 'Pipeline', 'State', 'Begun', 'Duration', 'Found', 'Client', 'Action'], rows),
				h('div.row', before && h('button.button', { onclick: () => go(null), 'data-key': 'newest' }, 'Newest'), olderThan && h('button.button', { onclick: () => go(olderThan), 'data-key': 'older' }, 'Older')),
				h('p.fine', 'Jobs of the last hour, and those that ask a provider now. Of a client at its limit, jobs that are over are left out first.')),
			h('section.panel', h('h2', 'Providers'), table('Providers', ['Provider', 'Breaker', 'Rate', 'Pace', 'Latency', 'Jobs', 'Look-ups'], asked)),
			h('section.panel', h('h2', 'Store'), facts([['Keys', store.keys], ['Most keys', store.maxKeys], ['Counted', time(store.countedAt)]]), holders.length > 0 && table('Clients', ['Client', 'Jobs and look-ups of the last hour'], holders.map(({ client, jobs }) => [client, jobs]))),
			h('section.panel', h('h2', 'Settings'), facts([...Object.entries(others), ['secrets set', secretsSet.join(', ') || 'none']])),
		];
	}

	function timeline({ job, commits, term, leasedUntil, nextCommitAt, course, results, requests, waits, lateMs, attempts, uploadedBytes, expiresAt, canceling, webhookPending }) {
		setText(heading, job.jobId);
		const over = ['completed', 'failed', 'canceled'].includes(job.status);
		return [
			h('section.panel', h('h2', [job.pipeline, job.status, job.code].filter(Boolean).join(' · ')), h('div.row', actions(job)),
				facts([['made by', job.madeBy], ['created', time(job.createdAt)], [over ? 'ended' : 'last progress', time(job.updatedAt)], ['duration', lasted(job.duration)], ['found', `${job.succeededCount} of ${job.processedCount}/${job.totalCount}`], ['not answered', job.unanswered], ['remembered', job.remembered], ['photos', job.photos && `${job.processedPhotos ?? 0}/${job.photos}`], ['uploaded bytes', uploadedBytes], ['retry of', job.retryOf], ['client', job.client], ['expires', new Date(expiresAt).toLocaleString()]])),
			h('section.panel', h('h2', 'Course'), facts([['commits', commits], ['runs', term], ['leased until', leasedUntil && time(leasedUntil)], ['next commit', nextCommitAt && time(nextCommitAt)], ['late', lateMs ? lasted(lateMs) : null], ['attempts at the file', attempts || null], ['canceling', canceling ? 'yes' : null], ['webhook', webhookPending ? 'still to be told' : null]]),
				table('Moments', ['Time', 'Event', 'Done'], course.map(({ at, event, term, provider, done }) => [time(at), `${event} ${term ? `(run ${term})` : (provider ?? '')}`, done ?? ''])),
				table('Requests', ['Provider', 'Requests'], Object.entries(requests)),
				waits.length > 0 && table('Waits', ['Waited for', 'Time', 'Until'], waits.map(({ provider, ms, until }) => [provider, lasted(ms), time(until)])),
				table('Results', ['Results by run', 'Books', 'Bytes'], results.map(({ term, items, bytes }) => [term, items, bytes]))),
		];
	}

	document.title = 'Operator – Bookstrack';
	if (token) load();
	else content.replaceChildren(form());
	return { element, close: () => ((closed = true), clearTimeout(timer)) };
}

function remembered() {
	try {
		return sessionStorage.getItem(KEY);
	} catch {
		return null;
	}
}

function remember(token) {
	try {
		sessionStorage.setItem(KEY, token);
	} catch {
		// Where nothing may be stored, it is known as long as the page.
	}
}
