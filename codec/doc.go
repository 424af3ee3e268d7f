// Package codec encrypts what durabatch keeps in Temporal: the inputs, results,
// memos, heartbeats, details and failures of workflows and activities are
// AES-256-GCM payloads to whoever has no key, Temporal and its web UI included.
//
// It is off unless a key is set, by the environment (see [FromEnvironment]).
// Every program that shares runs needs the same keys. Payloads that are not
// encrypted are read as they are, so that runs of before go on, and a run can
// be started by hand without a key.
package codec
