// Package transfer moves files between disk and Blob, many at once, and keeps
// lists too long for memory or a history as parts in Blob.
//
// What moves is bounded by Limits: so many files at once, so many bytes of
// buffers. Whatever is moved is checked by size and MD5 and appears under its
// name only when it is whole, so that a transfer may be killed at any moment and
// started again: what is there already is not moved twice.
package transfer
