// Package callers says who may call the service, and what. It recognises callers by their credentials, a client certificate,
// a static token or a JWT, and finds them in a policy that the operator writes. A caller that is not in it may do nothing.
package callers
