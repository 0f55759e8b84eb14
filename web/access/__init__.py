"""Who may do what on the dashboard: logins, passwords, proof of a form, headers, proxies. Decided before any page."""
