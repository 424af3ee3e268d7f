package localbatch

// Operation is a row of the routes, for tests that hold something against all
// of them.
type Operation struct{ Name, Head, Pattern string }

// Operations lists every operation of Batch that there is a route for.
func Operations() []Operation {
	var list []Operation
	for _, rt := range (*Service)(nil).operations() {
		list = append(list, Operation{rt.name, rt.head, rt.pattern})
	}
	return list
}
