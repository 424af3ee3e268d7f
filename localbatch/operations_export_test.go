package localbatch

import "maps"

// Operation is a row of the routes, for tests that hold something against all
// of them.
type Operation struct {
	Name, Head, Pattern string
	Offered             bool
}

// Operations lists every operation that has a route, those that are answered
// with UnsupportedOperation too.
func Operations() []Operation {
	var list []Operation
	for _, rt := range (*Service)(nil).operations() {
		list = append(list, Operation{rt.name, rt.head, rt.pattern, true})
	}
	for routes := range maps.Values(notOffered) {
		for _, rt := range routes {
			list = append(list, Operation{rt.name, rt.head, rt.pattern, false})
		}
	}
	return list
}
