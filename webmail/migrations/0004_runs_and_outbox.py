import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def fill_mailbox(apps, _schema_editor):
    """Deliveries of earlier letters learn whose they are."""
    message = apps.get_model("webmail", "Message")
    delivery = apps.get_model("webmail", "Delivery")
    box = message.objects.filter(pk=models.OuterRef("message_id")).values("mailbox_id")
    delivery.objects.filter(mailbox__isnull=True).update(mailbox_id=models.Subquery(box))


class Migration(migrations.Migration):
    dependencies = [
        ("webmail", "0003_peer_state"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    # The rows are filled between two changes of their table, which PostgreSQL does not do in one
    # transaction (pending trigger events).
    atomic = False

    operations = [
        migrations.CreateModel(
            name="LetterRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=64)),
                ("sealed_label", models.BinaryField(default=bytes)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="begun")),
                ("expected", models.PositiveIntegerField(default=0, verbose_name="letters")),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="author",
                    ),
                ),
                (
                    "mailbox",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="webmail.mailbox",
                    ),
                ),
            ],
            options={"verbose_name": "run of letters", "verbose_name_plural": "runs of letters"},
        ),
        migrations.AddConstraint(
            model_name="letterrun",
            constraint=models.UniqueConstraint(fields=("mailbox", "key"), name="one_run_per_list"),
        ),
        migrations.AddField(
            model_name="message",
            name="run",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="messages",
                to="webmail.letterrun",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="mailbox",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="webmail.mailbox",
            ),
        ),
        migrations.RunPython(fill_mailbox, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="delivery",
            name="mailbox",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="webmail.mailbox",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["mailbox", "-created_at", "-id"],
                condition=models.Q(state__in=["queued", "in_flight", "deferred", "failed"]),
                name="delivery_outbox",
            ),
        ),
    ]
