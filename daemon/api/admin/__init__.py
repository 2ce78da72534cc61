"""What staff may do over the REST API, without the HTTP around it.

How it is wired, beside the application of :func:`daemon.api.create_app`::

    admin = Admin(engine, connections, settings, policy, lookup, explain=Explainer(settings))
    daemon.api.routes.admin.install(app, admin)
    admin.obey(settings, policy, lookup)    # when the configuration is read again
"""

from daemon.api.admin.admin import Admin, Explain

__all__ = ["Admin", "Explain"]
