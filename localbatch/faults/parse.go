package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// document is a plan whose rules are still to be read, each by itself, so that
// an error can say which one it is in.
type document struct {
	Seed         uint64            `json:"seed"`
	Requests     []json.RawMessage `json:"requests"`
	Allocations  []json.RawMessage `json:"allocations"`
	StartTasks   []json.RawMessage `json:"startTasks"`
	Nodes        []json.RawMessage `json:"nodes"`
	Quotas       json.RawMessage   `json:"quotas"`
	TaskCountLag Duration          `json:"taskCountLag"`
}

// Parse reads a plan. Nothing in it is passed over: a key that no plan has, or
// a value that makes no sense, is an error that says where it is and what is
// allowed there.
func Parse(text []byte) (Plan, error) {
	var d document
	var p Plan
	err := decode("the plan", text, &d)
	if err == nil {
		p = Plan{Seed: d.Seed, TaskCountLag: d.TaskCountLag}
		err = errors.Join(
			rules("requests", d.Requests, &p.Requests),
			rules("allocations", d.Allocations, &p.Allocations),
			rules("startTasks", d.StartTasks, &p.StartTasks),
			rules("nodes", d.Nodes, &p.Nodes),
		)
	}
	if err == nil && d.Quotas != nil {
		err = decode("quotas", d.Quotas, &p.Quotas)
	}
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		return Plan{}, fmt.Errorf("the fault plan cannot be used: %w", err)
	}
	return p, nil
}

func rules[T any](section string, texts []json.RawMessage, list *[]T) error {
	for i, text := range texts {
		var rule T
		if err := decode(place(section, i), text, &rule); err != nil {
			return err
		}
		*list = append(*list, rule)
	}
	return nil
}

func place(section string, i int) string { return fmt.Sprintf("%s[%d]", section, i) }

// decode reads a JSON object into v, all of it.
func decode(where string, text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, err := decoder.Token(); err != io.EOF {
			return fmt.Errorf("%s: something follows the JSON object", where)
		}
		return nil
	}
	// The standard library has no type for this error.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("%s: there is no key %s; its keys are %s", where, name, strings.Join(keysOf(reflect.TypeOf(v).Elem()), ", "))
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: a JSON %s is not what %q takes", where, wrong.Value, wrong.Field)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// keysOf lists the keys of t's JSON, those of the objects in its lists as well.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			keys = append(keys, keysOf(f.Type)...)
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type == reflect.TypeFor[[]Action]() {
			key += " (with " + strings.Join(keysOf(reflect.TypeFor[Action]()), ", ") + ")"
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
