// Package e2e tests durabatch as people have it: the built binaries on the
// whole real stack, which is Temporal, Azurite, the Batch service and a worker,
// with their processes killed where that is the point.
//
// It needs what make test brings: Temporal's CLI in bin, Azurite in
// tools/azurite, Node.js and ffmpeg. A missing one fails the tests and is named.
//
// With -update the histories of a few runs are written to
// workflows/testdata/history, where the replay test of package workflows reads
// them.
package e2e
