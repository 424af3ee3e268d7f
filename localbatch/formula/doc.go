// Package formula is the language in which Azure Batch is told how many nodes
// a pool should have ("Create a formula to automatically scale compute nodes
// in a Batch pool", Batch documentation).
//
// A formula is a list of statements with a semicolon between them, with
// comments as in C++. A statement assigns a value to a variable or is an
// expression alone. Values are double, doubleVec, string, timestamp and
// timeinterval. Variables that the service defines begin with a dollar sign;
// the formula's own ones may.
//
// An evaluation has no loops and its work is bounded, so that no formula can
// hold up the service that evaluates it.
package formula
