package main

import "strings"

// environment is a list of NAME=value, as os.Environ gives it; of two of one
// name the last counts, as it does for a process.
type environment []string

// Environ and LookupEnv make it an envconfig.EnvLookup.
func (e environment) Environ() []string { return e }

func (e environment) LookupEnv(name string) (string, bool) {
	for i := len(e) - 1; i >= 0; i-- {
		if key, value, ok := strings.Cut(e[i], "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// Get answers "" where the variable is not set.
func (e environment) Get(name string) string {
	value, _ := e.LookupEnv(name)
	return value
}
