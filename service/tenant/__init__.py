"""Tenant."""
