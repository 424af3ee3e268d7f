// Package localbatch is an Azure Batch service in one process. Clients made for
// the real service talk to it unmodified: the routes, statuses, headers, JSON
// and error codes are those of the Batch REST API (2020-09-01.12.0 to
// 2024-07-01.20.0), with shared-key authentication verified.
//
// Its nodes are directories of this machine, its tasks processes of this
// machine. All nodes share the one CPU; elevated start tasks run one at a time,
// since the package managers they call hold locks that nodes of their own would
// not share.
//
// State is kept below the data directory and survives the process: what ran is
// run again by the next service, as after a node's reboot.
//
// What it does not offer answers with an error of Batch's own shape: status 400
// and code UnsupportedProperty, UnsupportedQueryParameter or InvalidPropertyValue
// for a property, parameter or value that it would have to ignore.
package localbatch
