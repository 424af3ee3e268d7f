// Package workflows holds RunWorkload, which sees one workload through from
// its files to its outputs and the cleanup after them, and the messages that
// people and programs exchange with it.
package workflows
