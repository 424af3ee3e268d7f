// Package azure is how Azure is reached: the environment that names the
// accounts, clients of azbatch and azblob with either kind of credential,
// shared access signatures with the least permission that does the job, and one
// table that says of every error whether to retry, to wait, to go on or to
// stop, and what a person can do about it.
//
// Nothing here prints a secret: Config formats without its keys, and Scrub
// removes signatures, keys and tokens from any text.
package azure
