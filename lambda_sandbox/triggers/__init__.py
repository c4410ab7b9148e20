"""Direct triggers: what a service's event looks like, and when it is sent. Pure: no I/O, no clock of its own.

A service in the neighbours makes a ``delivery.Delivery`` and hands it to the forwarder; the server checks the service
principal's permission and puts the event into Lambda's asynchronous queue. Services join in one table,
``lambda_sandbox.services.trigger_sources.SOURCES``.
"""
