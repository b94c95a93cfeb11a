import { briefOf, nameOf } from './words.js';

/** Whether a person who is asked may allow notices of the system. Pages without HTTPS may have none. */
export const noticesMayBeAllowed = () => globalThis.Notification?.permission === 'default';

/** Asks for them: only because somebody has clicked. */
export const allowNotices = () => Notification.requestPermission();

/** Tells by the system that a job has ended, to somebody who looks at something else. */
export function noticeOfEnd(job) {
	let ran = false;
	job.subscribe(() => {
		if (!job.over) ran ||= job.connection.state === 'live';
		else if (ran) {
			ran = false;
			if (document.hidden && globalThis.Notification?.permission === 'granted') show(job);
		}
	});
}

function show(job) {
	try {
		const notice = new Notification(nameOf(job), { body: briefOf(job), tag: job.record.id });
		notice.onclick = () => {
			window.focus();
			location.hash = `#/jobs/${encodeURIComponent(job.record.id)}`;
			notice.close();
		};
	} catch {
		// Chrome on Android lets only service workers tell.
	}
}
