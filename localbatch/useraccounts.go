package localbatch

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/durabatch/durabatch/localbatch/node"
)

// userAccount is an account that a pool's tasks can name. On one machine it is
// whoever has its uid and gid or, without those, the operating system's of the
// same name: nothing here makes one.
type userAccount struct {
	Name                     string      `json:"name"`
	Password                 secret      `json:"password,omitzero"`
	ElevationLevel           string      `json:"elevationLevel,omitempty"`
	LinuxUserConfiguration   *linuxUser  `json:"linuxUserConfiguration,omitempty"`
	WindowsUserConfiguration unsupported `json:"windowsUserConfiguration,omitzero"`
}

type linuxUser struct {
	UID           *int32 `json:"uid,omitempty"`
	GID           *int32 `json:"gid,omitempty"`
	SSHPrivateKey secret `json:"sshPrivateKey,omitzero"`
}

// ids are the numbers that the account is to have; nil: those that the machine
// has for its name.
func (u *linuxUser) ids() *node.UserIDs {
	if u == nil || u.UID == nil {
		return nil
	}
	return &node.UserIDs{UID: uint32(*u.UID), GID: uint32(*u.GID)} //nolint:gosec // complete refuses negative ones
}

// secret is a text that nothing here has a use for. All that is kept of it, and
// for the length of the request only, is whether it was given.
type secret struct{ given bool }

// UnmarshalJSON implements json.Unmarshaler.
func (s *secret) UnmarshalJSON(text []byte) error {
	var value string
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	s.given = value != ""
	return nil
}

// IsZero is always true: no answer shows a secret, and none is stored.
func (secret) IsZero() bool { return true }

type userAccounts []userAccount

// maxUserName is the length of a user account's name, in characters.
const maxUserName = 20

func (a userAccounts) complete() error {
	const property = "userAccounts"
	names := map[string]bool{}
	for i := range a {
		account, name := &a[i], strings.ToLower(a[i].Name)
		switch {
		case name == "":
			return missingProperty(property + ".name")
		case utf8.RuneCountInString(name) > maxUserName:
			return invalidProperty(property+".name", account.Name, "it has at most %d characters", maxUserName)
		case names[name]:
			return invalidProperty(property+".name", account.Name, "there are two of this name")
		}
		names[name] = true
		if err := oneOf(property+".elevationLevel", &account.ElevationLevel, "nonadmin", "admin"); err != nil {
			return err
		}
		if err := account.LinuxUserConfiguration.check(property + ".linuxUserConfiguration"); err != nil {
			return err
		}
	}
	return nil
}

func (u *linuxUser) check(property string) error {
	switch {
	case u == nil || u.UID == nil && u.GID == nil:
		return nil
	case u.GID == nil:
		return missingProperty(property + ".gid").because("uid and gid are given together or not at all")
	case u.UID == nil:
		return missingProperty(property + ".uid").because("uid and gid are given together or not at all")
	case *u.UID < 0:
		return invalidProperty(property+".uid", strconv.Itoa(int(*u.UID)), "it is not negative")
	case *u.GID < 0:
		return invalidProperty(property+".gid", strconv.Itoa(int(*u.GID)), "it is not negative")
	}
	return nil
}

// mustHavePasswords is for accounts that have just been given.
func (a userAccounts) mustHavePasswords() error {
	for _, account := range a {
		if !account.Password.given {
			return missingProperty("userAccounts.password")
		}
	}
	return nil
}

func (a userAccounts) find(name string) *userAccount {
	for i := range a {
		if strings.EqualFold(a[i].Name, name) {
			return &a[i]
		}
	}
	return nil
}

// check: an identity that names an account names one of the pool's.
func (a userAccounts) check(property string, u *userIdentity) error {
	if u == nil || u.UserName == "" || a.find(u.UserName) != nil {
		return nil
	}
	return invalidProperty(property+".username", u.UserName, "the pool has no user account of this name")
}

// checkAccount holds a new task's identity against the accounts of its job's
// pool, if that is there yet.
func (c *change) checkAccount(j *job, u *userIdentity) error {
	if u.UserName == "" {
		return nil
	}
	row, ok, err := c.Pool(j.ExecutionInfo.PoolID)
	if err != nil || !ok {
		return err
	}
	p, err := readPool(row, ok, nil)
	if err != nil {
		return err
	}
	return p.UserAccounts.check("userIdentity", u)
}

// runAs has a command run under an identity.
func (s *Service) runAs(command *node.Task, p *pool, u *userIdentity) {
	if u == nil || u.UserName == "" {
		command.Elevated = u.elevated()
		return
	}
	account := p.UserAccounts.find(u.UserName)
	if account == nil { // the task came from another pool, or was there before the pool
		command.Refusal = &node.Failure{
			Category: node.UserError, Code: node.CommandLaunchFailed, Message: "The command line could not be launched",
			Details: []node.Detail{{Name: "Message", Value: "The pool has no user account " + u.UserName}},
		}
		return
	}
	command.User, command.UserIDs, command.Base = account.Name, account.LinuxUserConfiguration.ids(), s.opts.DataDir
}
